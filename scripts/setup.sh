#!/usr/bin/env bash
# Sets up all that `make demo` (or `make test`) needs, and nothing that is there already.
#   scripts/setup.sh demo|test
# Each step decides by its own stamp whether it has work, so that a finished set-up takes no time and no network.

source "$(dirname "$0")/lib.sh"
purpose=${1:?demo or test}

mkdir -p "$ROOT/var"
exec 9>"$ROOT/var/setup.lock"
if ! flock --nonblock 9; then
  say "另一个准备过程正在运行，等待其结束……" "another set-up is running; waiting for it to end ..."
  flock 9
fi

run() { # NAME CHINESE ENGLISH SCRIPT ARGUMENTS...: a step that first says (by `needed`) whether it has work
  local name=$1 zh=$2 en=$3 script=$ROOT/scripts/$4
  shift 4
  if "$script" needed "$@"; then step "$name" "$zh" "$en" "$script" install "$@" 9>&-; fi
}

"$ROOT/scripts/debian.sh" possible "$purpose"
run "debian-$purpose" "安装 Debian 软件包" "Debian packages" debian.sh "$purpose"
run python "建立 Python 环境（首次约一至两分钟）" "Python environment (first time: one or two minutes)" python.sh
run assets "获取网页资源" "web assets" assets.sh
run messages "编译中英文消息" "messages in Chinese and English" messages.sh
