#!/usr/bin/env bash
# Make PREFIX/venv with the system's own Python: one that lies in somebody's private home cannot run other users' jobs.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

TREE=$PREFIX/packages
NEEDED='import sys; sys.exit(sys.version_info < (3, 11))'

# the system's Python, else the one unpacked below the prefix
base=""
for candidate in /usr/bin/python3 /usr/local/bin/python3 "$TREE/usr/bin/python3"; do
  [ -x "$candidate" ] && "$candidate" -c "$NEEDED" && base=$candidate && break
done
[ -n "$base" ] || die "no Python 3.11 or newer in /usr/bin" "Install it; on Debian: apt-get install python3 python3-venv"

stamp=$("$base" -c 'import sys; print(sys.version_info[:2], sys.executable)')
"$PYTHON" -c pass 2>/dev/null && done_already venv "$stamp" && exit 0
step "making the virtual environment $PREFIX/venv with $base"
rm -rf "$PREFIX/venv"
rm -f "$STAMPS/dependencies" "$STAMPS/wheel"
# Debian packs pip apart, as a wheel at a place fixed in ensurepip
if [[ $base != "$TREE"/* ]] && "$base" -c 'import ensurepip' 2>/dev/null; then
  run_logged venv "$base" -m venv "$PREFIX/venv"
else # unpacked, the wheel can run itself
  pip=$(find "$TREE/usr/share/python-wheels" -name 'pip-*.whl' 2>/dev/null | head -n 1)
  [ -n "$pip" ] || die "python3-venv is missing" "Install it; on Debian: apt-get install python3-venv"
  run_logged venv "$base" -m venv --without-pip "$PREFIX/venv"
  run_logged venv-pip "$PYTHON" "$pip/pip" install --no-index "$pip"
fi
mark_done venv "$stamp"
