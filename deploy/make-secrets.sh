#!/usr/bin/env bash
# Makes the secret files of docker-compose.yml, random for each installation; files that are there stay as they are.
#   sudo deploy/make-secrets.sh [FOLDER]
# A container sees its file with the host's owner and mode, so each belongs to the user that its container runs as.
set -euo pipefail
folder=${1:-$(dirname "$0")/secrets}
SUITE=10001 POSTGRES=999 ELASTICSEARCH=1000

umask 077
mkdir -p "$folder"
chmod 711 "$folder" # the containers' users pass through and can't list

random() { head -c 32 /dev/urandom | base64 | tr -d '+/=\n'; }

secret() { # NAME OWNER VALUE
  [ -e "$folder/$1" ] && return
  printf %s "$3" >"$folder/$1.new"
  if [ "$(id -u)" = 0 ]; then chown "$2" "$folder/$1.new"; fi
  chmod 400 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
}

secret postgres_password $POSTGRES "$(random)"
secret elastic_password $ELASTICSEARCH "$(random)"
secret signer__passphrase $SUITE "$(random)"
secret signer__token_key $SUITE "$(random)"
secret database_url $SUITE "postgresql+psycopg://weicheng:$(cat "$folder/postgres_password")@postgres/weicheng"
secret events_url $SUITE "http://elastic:$(cat "$folder/elastic_password")@elasticsearch:9200"

if [ "$(id -u)" != 0 ]; then
  echo "提示：未以 root 运行，容器可能读不到这些文件，请用 sudo 重新执行 chown。 | note: not run as root, so the containers may be unable to read these files; chown them to $SUITE, $POSTGRES, $ELASTICSEARCH." >&2
fi
