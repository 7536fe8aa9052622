#!/usr/bin/env bash
# Make everything that beamside's demonstration and tests need, in one prefix; what is there already is left alone.
#   bash scripts/bootstrap.sh          the prefix: BEAMSIDE_DEMO_PREFIX, else /opt/beamside-demo as root,
#                                      else ~/.local/share/beamside-demo
# Root installs Debian's packages; everybody else unpacks the same ones below the prefix.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
HERE=$CLONE/scripts

mkdir -p "$PREFIX" || die "$PREFIX cannot be made" "Name a folder that can: BEAMSIDE_DEMO_PREFIX=/some/folder make ..."
PREFIX=$(cd "$PREFIX" && pwd -P)
export PREFIX BEAMSIDE_DEMO_PREFIX=$PREFIX
exec 9>"$PREFIX/bootstrap.lock"
flock -n 9 || { say "another bootstrap works on $PREFIX; waiting for it" && flock 9; }

if [ ! -e "$STAMPS/wheel" ]; then
  say "The first time this fetches about 1 GB from Debian, PyPI and npm, and takes 5 to 20 minutes by the network."
  say "What it installs takes 4 GB below $PREFIX. If it is interrupted, the next run goes on with the step it was in."
fi
if [ "$(id -u)" = 0 ]; then
  path=$PREFIX
  while [ "$path" != / ]; do
    case $(stat -c %A "$path") in
      *x | *t) ;;
      *) die "$path is closed to other users, whose jobs must read $PREFIX" \
        "Choose a prefix outside of it: BEAMSIDE_DEMO_PREFIX=/opt/..." ;;
    esac
    path=$(dirname "$path")
  done
  bash "$HERE/install-packages.sh"
else
  bash "$HERE/unpack-packages.sh"
fi
bash "$HERE/unpack-alone.sh"
bash "$HERE/make-venv.sh"
bash "$HERE/get-node.sh"
bash "$HERE/install-beamside.sh"
