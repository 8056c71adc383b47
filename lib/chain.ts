/** What can be in one chain at a time. */
export abstract class Link {
  before: this | undefined = undefined
  after: this | undefined = undefined
}

/**
 * Who is there, in the order of coming, for those who come and go with every request. The places are the members themselves, so
 * nothing is allocated.
 *
 * It is not a Set for a reason of its own. V8 gives a Set that things pass through a new table every so often, and the old one
 * points to the new. Once one table has lived long enough to be in the old generation, each that follows is kept alive by it
 * until the next full collection, and with it everything that was in it at the time: half of what a request allocates.
 */
export class Chain<Member extends Link> {
  first: Member | undefined
  last: Member | undefined

  append (member: Member): void {
    member.before = this.last
    if (this.last === undefined) this.first = member
    else this.last.after = member
    this.last = member
  }

  /** Does nothing to those who are not in it. */
  remove (member: Member): void {
    const { before, after } = member
    if (before !== undefined) before.after = after
    else if (this.first === member) this.first = after
    else return
    if (after !== undefined) after.before = before
    else this.last = before
    // Those who have left must not keep those who came later alive.
    member.before = member.after = undefined
  }

  /** Who is there now: a copy, for things to be done to that make them leave. */
  members (): Member[] {
    const members: Member[] = []
    for (let member = this.first; member !== undefined; member = member.after) members.push(member)
    return members
  }
}
