#!/bin/sh
# Certificates for TLS tests, each with its key in the same file, made anew so that none is kept in
# the repository and none expires with it:
#
#   make_certificates.sh DIR
#
#   DIR/ca.pem          a CA of its own name, certificate only
#   DIR/server.pem      by that CA, for localhost and 127.0.0.1
#   DIR/other-host.pem  by that CA, for other.example
#   DIR/expired.pem     by that CA, for 127.0.0.1, no longer valid
set -eu

dir=$1
mkdir -p "$dir"
cd "$dir"

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null; }

# issue NAME SUBJECT_ALT_NAME START END
issue() {
  new_key >"$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -addext "subjectAltName=$2" -out "$1.csr"
  openssl ca -batch -notext -config ca.conf -in "$1.csr" -out "$1.crt" \
    -startdate "$3" -enddate "$4" 2>/dev/null
  cat "$1.crt" "$1.key" >"$1.pem"
}

cat >ca.conf <<'END'
[ca]
default_ca = ours
[ours]
certificate = ca.pem
private_key = ca.key
database = issued
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
END
: >issued

new_key >ca.key
openssl req -x509 -new -key ca.key -subj "/CN=streamsync test CA $(openssl rand -hex 8)" -days 3650 -out ca.pem

issue server DNS:localhost,IP:127.0.0.1 20200101000000Z 20991231235959Z
issue other-host DNS:other.example 20200101000000Z 20991231235959Z
issue expired IP:127.0.0.1 20200101000000Z 20200201000000Z
