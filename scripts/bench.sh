#!/usr/bin/env bash
# Run every benchmark of the repository, one after the other.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

export PYTHONDONTWRITEBYTECODE=1 # the clone is only read
for benchmark in "$CLONE"/benchmarks/*.py; do
  step "$(basename "$benchmark")"
  bash "$CLONE/scripts/in-prefix.sh" python "$benchmark"
done
