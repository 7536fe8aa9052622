#!/usr/bin/env bash
# Run a program of the prefix's virtual environment, with the prefix's Node and unpacked packages in PATH.
#   bash scripts/in-prefix.sh beamside demo
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/node-path.sh
. "$CLONE/scripts/node-path.sh"

program=$1
shift
export BEAMSIDE_DEMO_PREFIX=$PREFIX PATH=$PREFIX/venv/bin:$PREFIX/packages/bin:$PATH:/usr/sbin:/sbin
[ -x "$PREFIX/venv/bin/$program" ] || die "$PREFIX/venv/bin/$program is missing" "Run: make setup"
exec "$PREFIX/venv/bin/$program" "$@"
