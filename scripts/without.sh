#!/usr/bin/env bash
# As root: run a command on this machine as if it lacked some programs: /dev/null, bound over a program, makes it none.
# The binds live in a mount namespace of the command's own and go with it.
#   bash scripts/without.sh "node npm" make test
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --mount --propagation private bash "$0" --inside "$@"
fi
read -r -a names <<<"$2"
shift 2
for name in "${names[@]}"; do
  for file in $(PATH=$PATH:/usr/sbin:/sbin type -ap "$name"); do
    mount --bind /dev/null "$(readlink -f "$file")"
  done
done
exec "$@"
