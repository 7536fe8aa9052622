# shellcheck shell=bash
# Sourced after common.sh: apt with a state of our own below the prefix, so that it needs no root and changes nothing
# of the system's.

APT=$PREFIX/apt
STATE=(-o Dir::State="$APT/state" -o Dir::State::lists="$APT/lists" -o Dir::State::status=/var/lib/dpkg/status
  -o Dir::Cache="$APT/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=root) # root downloads as root: the prefix is closed to _apt
apt() { apt-get -qq "${STATE[@]}" "$@"; }
cache() { apt-cache "${STATE[@]}" "$@"; }

# one broken source of several must not stop the others; what is really missing is said by the next command
update_lists() {
  mkdir -p "$APT"/{state,lists/partial,cache/archives/partial}
  run_logged apt-update apt update || say "apt-get update had trouble; going on"
}

# unpack_into FOLDER package...: download these packages and nothing else, and unpack them below FOLDER
unpack_into() {
  local tree=$1 archive
  shift
  (cd "$APT/cache/archives" && run_logged apt-download apt download "$@") || return 1
  for archive in "$APT"/cache/archives/*.deb; do dpkg -x "$archive" "$tree" || return 1; done
  rm -rf "$APT/cache/archives"
}
