#!/usr/bin/env bash
# Messages: each package's locale/zh_CN.po compiled to the .mo that is read at run time.
#   messages.sh needed|install

source "$(dirname "$0")/lib.sh"

needed() { # a catalogue without its compiled form, or changed since
  local po
  for po in "$ROOT"/*/locale/*.po; do
    if [ -e "$po" ] && ! [ "${po%.po}.mo" -nt "$po" ]; then return 0; fi
  done
  return 1
}

install() { (cd "$ROOT" && "$VENV/bin/python" -m scripts.messages compile); }

"${1:?}"
