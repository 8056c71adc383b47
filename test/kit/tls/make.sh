#!/usr/bin/env bash
# Makes every certificate of this directory anew, from 2020 to 2120 unless its line says otherwise. The keys of the
# authorities are not kept. Needs OpenSSL 3. README.md says what each is for.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

cat > "$work/ca.cnf" <<CONFIG
[ca]
default_ca = signing
[signing]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = names
email_in_dn = no
unique_subject = no
[names]
commonName = supplied
CONFIG
touch "$work/index"
echo 1000 > "$work/serial"

# sign FILE COMMON_NAME KEY EXTENSIONS ISSUER [END]: ISSUER is a file of this directory, or `self`
sign () {
  local file=$1 name=$2 key=$3 extensions=$4 issuer=$5 end=${6:-21200101000000Z} how
  openssl req -new -key "$key" -subj "/CN=$name" -out "$work/request"
  echo "$extensions" > "$work/extensions"
  if [ "$issuer" = self ]; then how=(-selfsign -keyfile "$key"); else how=(-cert "$issuer.pem" -keyfile "$work/$issuer-key.pem"); fi
  openssl ca -batch -notext -config "$work/ca.cnf" "${how[@]}" -startdate 20200101000000Z -enddate "$end" \
    -extfile "$work/extensions" -in "$work/request" -out "$file.pem" 2> "$work/log" || { cat "$work/log"; exit 1; }
}
key () { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

here='subjectAltName = DNS:localhost, IP:127.0.0.1'
authority='basicConstraints = critical, CA:TRUE'

# An upstream that signs for itself.
key key.pem
sign cert localhost key.pem "$authority
$here" self

for ca in ca other-ca client-ca; do
  key "$work/$ca-key.pem"
  sign "$ca" "$ca" "$work/$ca-key.pem" "$authority" self
done

for server in server wrong-name expired other; do key "$server-key.pem"; done
sign server localhost server-key.pem "$here" ca
sign wrong-name other.test wrong-name-key.pem 'subjectAltName = DNS:other.test' ca
sign expired localhost expired-key.pem "$here" ca 20210101000000Z
sign other localhost other-key.pem "$here" other-ca

for client in client client2; do
  key "$client-key.pem"
  sign "$client" "$client" "$client-key.pem" 'extendedKeyUsage = clientAuth' client-ca
done
openssl pkey -in client-key.pem -aes256 -passout pass:correct-horse -out client-key-encrypted.pem
chmod 644 ./*.pem
