#!/usr/bin/env bash
# Renew scripts/python-versions.txt: the version and checksums of every Python package that the demonstration, the
# tests and the build of the wheel need, for all Pythons and systems that pyproject.toml admits.
#   bash scripts/freeze.sh                     keep every version that pyproject.toml still admits
#   bash scripts/freeze.sh --upgrade           take the newest of all
#   bash scripts/freeze.sh --upgrade-package NAME
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet uv
cd "$CLONE"
"$work/venv/bin/python" - >"$work/build.in" <<'END'
import tomllib

with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["build-system"]["requires"], sep="\n")
END
[ -e scripts/python-versions.txt ] && cp scripts/python-versions.txt "$work/versions.txt"
"$work/venv/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-annotate \
  --custom-compile-command "bash scripts/freeze.sh" --extra test "$@" \
  pyproject.toml "$work/build.in" --output-file "$work/versions.txt"
cp "$work/versions.txt" scripts/python-versions.txt
say "scripts/python-versions.txt holds $(grep -c '==' scripts/python-versions.txt) packages: run make test before you commit it"
