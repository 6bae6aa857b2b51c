#!/usr/bin/env bash
# The virtual environment: what requirements.lock pins, checked by hash, and the suite itself in place.
#   python.sh needed|install

source "$(dirname "$0")/lib.sh"
verb=${1:?}
PACKAGES_STAMP=$VENV/.packages SUITE_STAMP=$VENV/.suite

python() { # a Python of 3.11 or later
  local name
  for name in "${PYTHON:-}" python3.11 python3; do
    if [ -n "$name" ] && "$name" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  die "需要 Python 3.11 或更高版本（含 venv）。" "Python 3.11 or later (with venv) is needed."
}

# A virtual environment holds absolute paths: one that was moved is of no use.
packages_form() { echo "$(digest "$ROOT/requirements.lock") $VENV"; }
suite_form() { echo "$(digest "$ROOT/pyproject.toml") $VENV"; }
works() { [ "$("$VENV/bin/python" -c 'import sys; print(sys.prefix)' 2>/dev/null)" = "$VENV" ]; }

needed() {
  ! works || ! stamped "$PACKAGES_STAMP" "$(packages_form)" || ! stamped "$SUITE_STAMP" "$(suite_form)"
}

discard() { rm -rf "$VENV"; }

install() {
  if ! works; then
    discard
    trap discard EXIT # half an environment is none
    "$(python)" -m venv "$VENV"
  fi
  if ! stamped "$PACKAGES_STAMP" "$(packages_form)"; then
    rm -f "$PACKAGES_STAMP"
    "$VENV/bin/pip" install --disable-pip-version-check --require-hashes -r "$ROOT/requirements.lock"
    packages_form >"$PACKAGES_STAMP"
  fi
  rm -f "$SUITE_STAMP"
  (cd "$ROOT" && "$VENV/bin/pip" install --disable-pip-version-check --no-deps --no-build-isolation -e .)
  suite_form >"$SUITE_STAMP"
  trap - EXIT
}

"$verb"
