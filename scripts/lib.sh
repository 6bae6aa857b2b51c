# What every set-up script shares: where things are, and how it speaks. Sourced, never run.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
LOGS=$ROOT/var/log/setup

# say CHINESE ENGLISH: one line for the user; progress and errors go to standard error, so that output stays data.
say() { printf '%s | %s\n' "$1" "$2" >&2; }

# die CHINESE ENGLISH: what is wrong and how to mend it.
die() { say "错误：$1" "error: $2"; exit 1; }

# digest FILE...: one line that changes when any of the files does.
digest() { cat -- "$@" | sha256sum | cut -d' ' -f1; }

# stamped FILE TEXT: whether the step that leaves FILE was last finished in exactly this form.
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# step NAME CHINESE ENGLISH COMMAND...: run one set-up step, show one line with its seconds, keep its log.
# A failing step shows the end of its log, where the rest is, and stops the set-up.
step() {
  local name=$1 zh=$2 en=$3 started=$SECONDS log=$LOGS/$1.log
  shift 3
  mkdir -p "$LOGS"
  printf '… %s | %s' "$zh" "$en" >&2
  if "$@" >"$log" 2>&1; then
    printf '  ✓ %d s\n' $((SECONDS - started)) >&2
  else
    printf '  ✗ %d s\n' $((SECONDS - started)) >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    die "“$zh”这一步失败，已清理现场；全部输出见 ${log#"$ROOT"/}。排除原因后重新运行即可。" \
      "step “$en” failed and was cleaned up; its whole output is in ${log#"$ROOT"/}. Mend the cause and run again."
  fi
}
