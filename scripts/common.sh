# shellcheck shell=bash
# Sourced by the other scripts: where things lie, how messages look, what is done already.

[ "$(id -u)" = 0 ] && umask 022 # other users run what root installs

CLONE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${BEAMSIDE_DEMO_PREFIX:-}" ]; then
  PREFIX=$BEAMSIDE_DEMO_PREFIX
elif [ "$(id -u)" = 0 ]; then
  PREFIX=/opt/beamside-demo
else
  PREFIX=${XDG_DATA_HOME:-$HOME/.local/share}/beamside-demo
fi
PYTHON=$PREFIX/venv/bin/python
STAMPS=$PREFIX/stamps
BEAMSIDE_BEGAN=${BEAMSIDE_BEGAN:-$(date +%s)}            # one clock for a script and all that it calls
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PREFIX/cache/node} # else npm and yarn leave theirs in /tmp
export CLONE PREFIX PYTHON STAMPS BEAMSIDE_BEGAN NODE_COMPILE_CACHE

say() { printf '%s\n' "$*"; }

# die "what happened, to what" "what to do next"
die() {
  printf 'beamside: %s\n  %s\n' "$1" "$2" >&2
  exit 1
}

# step "words": one line a step, with the seconds since the start
step() { printf '[%4d s] %s\n' "$(($(date +%s) - BEAMSIDE_BEGAN))" "$*"; }

# run_logged NAME command...: run quietly; on failure show the end of what it said
run_logged() {
  local log=$PREFIX/log/$1.log
  shift
  mkdir -p "$PREFIX/log"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    return 1
  fi
}

# why_apt_failed LOG: what it could not fetch, as it told `apt-get update`, which succeeds all the same; else LOG's end
why_apt_failed() { grep -m 1 -ohE 'Failed to fetch .*' "$PREFIX/log/apt-update.log" || tail -n 1 "$PREFIX/log/$1.log"; }

# done_already NAME HASH: whether step NAME was last carried out with this hash of all it depends on
done_already() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
mark_done() {
  mkdir -p "$STAMPS"
  printf '%s\n' "$2" >"$STAMPS/$1"
}

# hash_of path...: one hash over names and contents of files and folders below the current directory
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }

# group_packages NAME: the Debian packages of one group
group_packages() { awk -v group="$1" '$1 == group { print $2 }' "$CLONE/scripts/debian-packages.txt"; }

# installed PACKAGE: whether Debian's package is installed on this machine
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Where there is no apt-get, say which programs are not here and what is off for it. Nothing is lost yet: the
# demonstration runs its notebooks without Slurm, and the next script tells where Python is missing.
tell_missing_programs() {
  local program missing=()
  for program in munged mariadbd mariadb-install-db slurmdbd slurmctld slurmd slurmrestd sbatch srun chromium; do
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("$program")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "this is no Debian (there is no apt-get), and these programs are missing: ${missing[*]}"
  say "  Without all of Slurm the demonstration runs its notebook part only, and without Chromium it takes no tour of"
  say "  the hub. Install them with this system's package manager, or use Debian 12."
}
