#!/usr/bin/env bash
# Take the demonstration down and remove the prefix. Debian packages stay: other programs may use them by now.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

[ -d "$PREFIX" ] || exit 0
[ -e "$PREFIX/bootstrap.lock" ] || die "$PREFIX was not made by scripts/bootstrap.sh" "Remove it by hand if it is to go."
if [ -x "$PREFIX/venv/bin/beamside" ]; then
  bash "$CLONE/scripts/in-prefix.sh" beamside demo down
fi
rm -rf "$PREFIX"
say "removed $PREFIX"
