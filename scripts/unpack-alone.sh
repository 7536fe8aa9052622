#!/usr/bin/env bash
# Unpack the group `alone` below PREFIX/alone, as root and as anybody: programs of which the tests need a part that
# runs by itself. Installed as Debian would, they bring more than a machine should get for that.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/own-apt.sh
. "$CLONE/scripts/own-apt.sh"

TREE=$PREFIX/alone

command -v apt-get >/dev/null || exit 0 # what is off for it was said by the script before
mapfile -t wanted < <(group_packages alone)
stamp=$(printf '%s\n' "$TREE" "${wanted[@]}" "$(sha256sum "$0")" | sha256sum)
done_already alone "$stamp" && exit 0
step "unpacking Debian packages below $TREE: ${wanted[*]}"
rm -rf "$TREE"
mkdir -p "$TREE"
update_lists
if unpack_into "$TREE" "${wanted[@]}"; then
  mark_done alone "$stamp"
else # nothing but one test needs them
  say "apt-get could not download: ${wanted[*]} (all it said: $PREFIX/log/apt-download.log); going on: one test needs them"
fi
