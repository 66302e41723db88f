#!/bin/sh
# Makes the passwords of compose.yaml, in the file .env beside it, which compose reads. A file that is there
# stays: PostgreSQL and the S3 server keep the passwords that they were first started with.
set -eu
cd "$(dirname "$0")"

if [ -e .env ]; then
    echo "deploy/.env is there already, and stays as it is."
    exit 0
fi
secret() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
umask 077
draft=$(mktemp .env.XXXXXX)
printf 'POSTGRES_PASSWORD=%s\nS3_SECRET_KEY=%s\n' "$(secret)" "$(secret)" >"$draft"
mv "$draft" .env
echo "Made deploy/.env. Keep a copy of it with your backups."
