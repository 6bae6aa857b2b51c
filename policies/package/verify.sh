#!/usr/bin/env bash
# 验证证据包 | Verifies an evidence package with OpenSSL and coreutils alone.
#
#   bash verify.sh ROOT.pem [SHA-256 指纹 | fingerprint]
#
# ROOT.pem  签发机构的根证书，须由证据包以外的可信途径取得 | the CA's root certificate, obtained otherwise than with the package
# 退出状态 | exit status: 0 通过 | intact, 1 不通过 | refused, 2 用法 | usage
set -u -o pipefail
export LC_ALL=C
shopt -s globstar dotglob nullglob

faults=0 work=""
if [[ -t 1 ]]; then green=$'\e[32;1m' red=$'\e[31;1m' plain=$'\e[0m'; else green="" red="" plain=""; fi
good() { printf '%s✔%s %s\n' "$green" "$plain" "$1"; }
bad() { printf '%s✘%s %s\n' "$red" "$plain" "$1"; faults=$((faults + 1)); }
usage() { printf '用法 | usage: bash verify.sh ROOT.pem [SHA-256 指纹 | fingerprint]\n%s\n' "${1:-}" >&2; exit 2; }

(($# == 1 || $# == 2)) || usage
[[ -f $1 && -r $1 ]] || usage "无法读取根证书 | the root certificate can not be read: $1"
command -v openssl sha256sum date mktemp >/dev/null || usage "需要 OpenSSL 和 coreutils | OpenSSL and coreutils are needed"
root=$(cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
cd -- "$(dirname -- "${BASH_SOURCE[0]}")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf -- "$work"' EXIT

# --- 根证书 | the root
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha256 2>/dev/null | while IFS='=' read -r _ hex; do printf '%s' "${hex//:/}"; done; }
shown=$(fingerprint "$root")
[[ -n $shown ]] || usage "不是 PEM 证书 | no PEM certificate: $root"
printf '根证书 | root      %s\n' "$(openssl x509 -in "$root" -noout -subject -nameopt utf8,sep_comma_plus)"
printf 'SHA-256          %s\n' "$shown"
if (($# == 2)); then
  wanted=${2//:/}
  if [[ ${wanted^^} == "${shown^^}" ]]; then good "指纹相符 | fingerprint as expected"; else bad "指纹不符 | fingerprint differs: $wanted"; fi
else
  printf '请与签发机构公布的指纹核对 | Compare it with the one that the CA has published.\n'
fi

# --- 签名与时间戳 | signature and time-stamp of one file: FILE SIGNATURE TOKEN
untrusted=()
[[ -s certificates/intermediates.pem ]] && untrusted=(-untrusted certificates/intermediates.pem)
certfile=()
[[ -s certificates/intermediates.pem ]] && certfile=(-certfile certificates/intermediates.pem)
stamp_time() { # 时间戳所述时刻（UTC 纪元秒）| the stamped moment as seconds since the epoch
  local line
  while read -r line; do
    [[ $line == "Time stamp: "* ]] && date -u -d "${line#Time stamp: }" +%s && return 0
  done < <(openssl ts -reply -in "$1" -token_in -text 2>/dev/null)
  return 1
}
sealed() {
  local at
  if [[ ! -s $1 || ! -s $2 || ! -s $3 ]]; then bad "缺少文件、签名或时间戳 | file, signature or time-stamp missing: $1"; return 1; fi
  if ! at=$(stamp_time "$3"); then bad "时间戳无法读取 | the time-stamp can not be read: $3"; return 1; fi
  if ! openssl ts -verify -data "$2" -in "$3" -token_in -CAfile "$root" ${untrusted[@]+"${untrusted[@]}"} -attime "$at" >/dev/null 2>"$work/err"; then
    bad "时间戳无效 | the time-stamp does not hold: $3"; return 1
  fi
  if ! openssl cms -verify -binary -inform DER -in "$2" -content "$1" -CAfile "$root" ${certfile[@]+"${certfile[@]}"} -purpose any -attime "$at" \
    -signer "$work/signer.pem" -out /dev/null >/dev/null 2>"$work/err"; then
    bad "签名无效 | the signature does not hold: $2"; return 1
  fi
  # 同一 CA 的其他证书不得冒充：签章证书须有“文档签名”用途 | no other certificate of the CA may pass for the sealing key (RFC 9336)
  if ! [[ $(openssl x509 -in "$work/signer.pem" -noout -ext extendedKeyUsage 2>/dev/null) =~ $document_signing ]]; then
    bad "签名者不是签章密钥 | the signer is not the sealing key: $2"; return 1
  fi
  stamped=$(date -u -d "@$at" +%Y-%m-%dT%H:%M:%SZ)
}
stamped=""
document_signing='(^|[^0-9.])1\.3\.6\.1\.5\.5\.7\.3\.36([^0-9.]|$)|Document Signing|documentSigning'
if sealed manifest.json manifest.json.p7s manifest.json.p7s.tst; then
  sealed_at=$stamped
  good "清单的签名和时间戳有效 | signature and time-stamp of the manifest hold ($stamped)"
else
  printf '%s不通过 | REFUSED%s\n' "$red" "$plain"; exit 1 # 清单不可信，其余核对没有意义 | without the manifest nothing else means anything
fi

# --- 清单中的摘要 | the digests of the manifest, one a line
declare -A digest=()
inside=0
while IFS= read -r line; do
  [[ $line == ' "digests": {' ]] && inside=1 && continue
  [[ $line == ' }'* ]] && inside=0
  if ((inside)) && [[ $line =~ ^\ \ \"([A-Za-z0-9._/-]+)\":\ \"([0-9a-f]{64})\",?$ ]]; then
    digest[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
  fi
done <manifest.json
((${#digest[@]})) || bad "清单为空 | the manifest lists no files"
matching=0
for path in "${!digest[@]}"; do
  if [[ $path == /* || /$path/ == */../* ]]; then bad "路径不安全 | unsafe path: $path"
  elif [[ ! -f $path || -L $path ]]; then bad "缺失 | missing: $path"
  else
    read -r found _ < <(sha256sum -- "$path")
    if [[ $found == "${digest[$path]}" ]]; then matching=$((matching + 1)); else bad "已改动 | changed: $path"; fi
  fi
done
((matching == ${#digest[@]})) && good "$matching 个文件与清单一致 | files are as the manifest says"

# --- 多出的文件 | files that the manifest does not know
extra=0
for path in **; do
  [[ -d $path && ! -L $path ]] && continue
  case $path in manifest.json | manifest.json.p7s | manifest.json.p7s.tst) continue ;; esac
  # %q: 文件名不能冒充本脚本的输出 | a file's name must not pass for this script's output
  if [[ -z ${digest[$path]:-} ]]; then bad "多出 | not in the manifest: $(printf %q "$path")"; extra=$((extra + 1)); fi
done
((extra)) || good "没有多出的文件 | no file beyond the manifest"

# --- 各条证据自身的封存 | the seal that each record got when it was collected
records=0 intact=0
for path in records/*.json; do
  records=$((records + 1))
  [[ -e ${path%.json}.p7s || -e ${path%.json}.tst ]] || continue # 脱敏的记录没有 | masked records have none
  sealed "$path" "${path%.json}.p7s" "${path%.json}.tst" && intact=$((intact + 1))
done
printf '证据 | records   %s，其中自带有效封存 | with a valid seal of their own: %s\n' "$records" "$intact"

if ((faults)); then
  printf '%s不通过 | REFUSED%s  %s 处问题 | faults\n' "$red" "$plain" "$faults"; exit 1
fi
printf '%s通过 | INTACT%s  %s\n' "$green" "$plain" "$sealed_at"
