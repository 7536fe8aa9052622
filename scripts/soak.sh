#!/usr/bin/env bash
# 150 jobs held in the queue while one more server starts, then the tour again and again, each from nothing to nothing;
# the first that fails ends it.
#   ROUNDS=20 bash scripts/soak.sh
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

BEAMSIDE_HELD=${HELD:-150} bash "$CLONE/scripts/test.sh" run tests/hub_ext/test_start.py -k takes_no_place

rounds=${ROUNDS:-10}
for ((round = 1; round <= rounds; round++)); do
  step "tour $round of $rounds"
  bash "$CLONE/scripts/in-prefix.sh" beamside demo tour
done
