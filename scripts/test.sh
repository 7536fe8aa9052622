#!/usr/bin/env bash
# Test this clone against the wheel installed in the prefix, so that jobs of other users run the very code under test.
#   bash scripts/test.sh all|fast|lint|run [pytest options]      nothing is written into the clone
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/node-path.sh
. "$CLONE/scripts/node-path.sh"

what=${1:-all}
shift || true
CACHE=$PREFIX/cache
mkdir -p "$CACHE"
export PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=$CACHE/hypothesis
cd "$CLONE"

# real daemons on a busy machine: tests/conftest.py names who needed it, and fails a run in which they were many
SECOND_TRY=(--reruns 1)

in_prefix() { bash scripts/in-prefix.sh "$@"; }

lint() {
  step "ruff"
  in_prefix ruff check --quiet --cache-dir "$CACHE/ruff" .
  step "mypy"
  in_prefix mypy --cache-dir "$CACHE/mypy"
  step "shellcheck"
  if command -v shellcheck >/dev/null; then
    shellcheck -x -P "$CLONE" scripts/*.sh .ci/run
  else
    say "shellcheck is not installed: the scripts were not checked"
  fi
}

# the copy that the wheel was built from holds node_modules
test_lab_extension() {
  step "TypeScript: tsc and vitest"
  (cd "$PREFIX/source/labextension" && npm run --silent check && npm run --silent test)
}

# two workers, for tests wait most of the time; each has a Slurm of its own and takes whole folders.
# `pytest`, not `python -m pytest`: that would put the clone before the installed wheel
run_pytest() {
  step "pytest"
  in_prefix pytest -o cache_dir="$CACHE/pytest" --numprocesses 2 --dist loadscope "$@"
}

# one after the other, not joined by &&: there `set -e` would overlook what fails inside a function
case $what in
  lint) lint ;;
  fast)
    lint
    test_lab_extension
    run_pytest -m "not browser" --ignore=tests/whole "$@"
    ;;
  run) run_pytest "${SECOND_TRY[@]}" "$@" ;;
  all)
    lint
    test_lab_extension
    run_pytest "${SECOND_TRY[@]}" "$@"
    ;;
  *) die "scripts/test.sh knows no '$what'" "Say all, fast, lint or run." ;;
esac
