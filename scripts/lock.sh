#!/usr/bin/env bash
# Pins what requirements.in asks for, with the hashes of all files of each version, in requirements.lock; and the npm packages of
# console/assets. Neither names a registry: each machine's own settings decide where packages come from.

source "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step pip-tools "准备 pip-tools" "pip-tools" bash -c "python3 -m venv '$work/venv' && '$work/venv/bin/pip' install pip-tools"
step lock "解析并锁定 Python 软件包" "pin the Python packages" \
  env -C "$ROOT" "$work/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock requirements.in
step lock-assets "锁定网页资源" "pin the web assets" "$ROOT/scripts/assets.sh" lock
