#!/usr/bin/env bash
# Install the Debian packages that are missing, as root. No daemon of theirs is left running or enabled:
# the demonstration starts its own.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

POLICY=/usr/sbin/policy-rc.d
SIGN="made by beamside while it installs packages"

# invoke-rc.d asks this file whether a service may start; 101 means no. One that was here is left as it is.
forbid_starting() {
  [ -e "$POLICY" ] && ! grep -qF "$SIGN" "$POLICY" && return
  trap 'rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\n# %s\nexit 101\n' "$SIGN" >"$POLICY"
  chmod 755 "$POLICY"
}

# with systemd, installing enables the services for the next boot
disable_services() {
  local unit
  [ -d /run/systemd/system ] || return 0
  for unit in munge mariadb slurmctld slurmd slurmdbd slurmrestd postgresql; do
    case " $* " in
      *" $unit "* | *" $unit-server "* | *" $unit-1"*) systemctl --quiet disable --now "$unit" || true ;;
    esac
  done
}

missing=()
for package in $(group_packages scheduler) $(group_packages browser) $(group_packages database) $(group_packages python) $(group_packages root); do
  installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  tell_missing_programs
  exit 0
fi
step "installing ${#missing[@]} Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
forbid_starting
# one broken source of several must not stop the others; what is really missing is said by the next command
run_logged apt-update apt-get -o DPkg::Lock::Timeout=300 update || say "apt-get update had trouble; going on"
run_logged apt-install apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" ||
  die "apt-get could not install ${#missing[@]} packages: $(why_apt_failed apt-install)" \
    "Check the network and /etc/apt/sources.list*, then run this again: it goes on where it stopped."
disable_services "${missing[@]}"
