#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets, or in the folder that is named. What is there already stays.
# The folder is for its owner alone; the files in it can be read by the users of the containers, who see them and not the folder.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

keep_or_write() {
  [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
}

random_hex() {
  od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'
}

keep_or_write encryption-key "$(random_hex)"
keep_or_write admin-token "$(random_hex)"
keep_or_write redis-password "$(random_hex)"
# The legacy API of the demo knows its tenants by these.
keep_or_write acme-legacy-key acme-legacy-4711
keep_or_write globex-legacy-key globex-legacy-0815
