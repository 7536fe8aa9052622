#!/usr/bin/env bash
# As root: run a command on this machine as if it had no Node: /dev/null, bound over a program, makes it none.
# The binds live in a mount namespace of the command's own and go with it.
#   bash scripts/without-node.sh make test
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --mount --propagation private bash "$0" --inside "$@"
fi
shift
for name in node nodejs npm npx corepack; do
  for file in $(type -ap "$name"); do
    mount --bind /dev/null "$(readlink -f "$file")"
  done
done
exec "$@"
