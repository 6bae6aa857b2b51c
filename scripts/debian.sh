#!/usr/bin/env bash
# Debian packages that the suite's work stands on (scripts/packages/demo) and its tests need besides (…/test).
#   debian.sh possible|needed|install demo|test

source "$(dirname "$0")/lib.sh"
verb=${1:?} purpose=${2:?}
POLICY=/usr/sbin/policy-rc.d
MARK='# Written by the Weicheng set-up; removed when it ends.'
SERVICES='ssh snmpd snmptrapd frr postgresql'

wanted() { # the names asked for; the test list contains the demo list
  local lists=("$ROOT/scripts/packages/demo")
  [ "$purpose" = demo ] || lists+=("$ROOT/scripts/packages/$purpose")
  sed 's/#.*//; s/[[:space:]]//g; /^$/d' "${lists[@]}"
  # Debian cuts venv out of its python3; another Python brings its own.
  python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

missing() { # those not installed, one a line
  local have
  have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^.i. *//p')
  wanted | grep -vxF -f <(printf '%s\n' "$have") || true
}

possible() { # stop with one message when packages are missing and this user can't install them
  if ! command -v dpkg-query >/dev/null; then
    say "提示：这不是 Debian 系统，请自行安装：$(wanted | xargs)" "note: not a Debian machine; please install: $(wanted | xargs)"
    return
  fi
  local names
  names=$(missing | xargs)
  if [ -n "$names" ] && [ "$(id -u)" != 0 ]; then
    die "缺少软件包：$names。请执行：sudo apt-get update && sudo apt-get install --no-install-recommends $names" \
      "packages are missing: $names. Please run: sudo apt-get update && sudo apt-get install --no-install-recommends $names"
  fi
}

needed() { command -v dpkg-query >/dev/null && [ -n "$(missing)" ]; }

keep_services_down() { # what we install must not begin to serve this machine's network
  if [ -e "$POLICY" ] && ! grep -qF "$MARK" "$POLICY"; then mv "$POLICY" "$POLICY.before-weicheng"; fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY"
  chmod 755 "$POLICY"
}

restore_policy() {
  rm -f "$POLICY"
  if [ -e "$POLICY.before-weicheng" ]; then mv "$POLICY.before-weicheng" "$POLICY"; fi
}

disable_new_services() { # nor at the next boot: only units that were not there before
  local service
  for service in $SERVICES; do
    case " $1 " in *" $service "*) continue ;; esac
    if [ -e "/etc/init.d/$service" ] || [ -e "/lib/systemd/system/$service.service" ]; then
      if command -v systemctl >/dev/null; then systemctl disable --quiet "$service" 2>&1 || true; else
        update-rc.d "$service" disable || true; fi
    fi
  done
}

services_present() {
  local service
  for service in $SERVICES; do
    if [ -e "/etc/init.d/$service" ] || [ -e "/lib/systemd/system/$service.service" ]; then echo "$service"; fi
  done
}

install() {
  local before names
  before=$(services_present | xargs)
  mapfile -t names < <(missing)
  export DEBIAN_FRONTEND=noninteractive
  trap restore_policy EXIT
  keep_services_down
  apt-get -q -o DPkg::Lock::Timeout=300 update
  apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${names[@]}"
  disable_new_services "$before"
}

"$verb"
