#!/usr/bin/env bash
# Take the pictures of README and docs anew, from the running product: the tour's own screenshots, chosen by name here;
# and make the guide's drawings.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

tour=$(mktemp -d)
trap 'rm -rf "$tour"' EXIT
bash "$CLONE/scripts/in-prefix.sh" beamside demo tour --output "$tour"
mkdir -p "$CLONE/docs/pictures"
while read -r taken shown; do
  [ -e "$tour/$taken.png" ] || die "the tour took no $taken.png" "Take the pictures as root: an operator is then there."
  cp "$tour/$taken.png" "$CLONE/docs/pictures/$shown.png"
done <<END
bragg-disks-notebook lab
sign-in sign-in
spawn-form spawn-form
progress progress
jobs-panel jobs-panel
strain-map strain-map
home home
identities identities
operations operations
start-again start-again
called-off called-off
END
bash "$CLONE/scripts/in-prefix.sh" python "$CLONE/scripts/drawings.py"
say "docs/pictures holds the tour's pictures: look at each before you commit it"
