#!/usr/bin/env bash
#   bash scripts/test-rootless.sh [pytest options]
# As root: make a new ordinary user, give that user a clone, pass every test in it, and remove the user again.
# The user is told that nothing is installed, so that every package is unpacked even where root has installed it.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

[ "$(id -u)" = 0 ] || die "only root can make a new user" "As an ordinary user run: make test"
user=beamside-$RANDOM
home=/home/$user

end_processes() {
  local entry
  for entry in /proc/[0-9]*; do
    if [ "$(stat -c %U "$entry" 2>/dev/null)" = "$user" ]; then kill -9 "${entry#/proc/}" 2>/dev/null || true; fi
  done
}
# the same ordinary user as at any terminal: nothing of root's environment but where the real scans are
as_user() {
  setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash \
    PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 DPKG_ADMINDIR="$home/dpkg" ${CI:+CI="$CI"} \
    ${BEAMSIDE_TEST_DATA:+BEAMSIDE_TEST_DATA="$home/data"} "$@"
}
remove_user() {
  end_processes
  userdel --remove "$user" 2>/dev/null || true
}

# marked as ours, for tests that run meanwhile and compare the machine before and after
useradd --create-home --user-group --shell /bin/bash --comment "beamside $0" \
  --key HOME_MODE=0700 --key SUB_UID_COUNT=0 --key SUB_GID_COUNT=0 "$user"
trap remove_user EXIT
say "rootless, as the new user $user"
git -c safe.directory='*' clone --quiet --no-hardlinks "$CLONE" "$home/beamside"
if [ -n "${BEAMSIDE_TEST_DATA:-}" ]; then
  cp -r "$BEAMSIDE_TEST_DATA" "$home/data" # the original may be closed to others
fi
mkdir "$home/dpkg"
: >"$home/dpkg/status"
chown -R "$user:" "$home"
cd "$home/beamside"
as_user make setup
as_user bash scripts/test.sh run "$@"
cd / # or the home could not be removed
