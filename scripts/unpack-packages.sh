#!/usr/bin/env bash
# Unpack the Debian packages that are missing below the prefix, as an ordinary user: apt-get download and dpkg -x,
# with an apt state of our own. Programs then lie in PREFIX/packages/bin.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/own-apt.sh
. "$CLONE/scripts/own-apt.sh"

TREE=$PREFIX/packages
LIBRARIES=$TREE/usr/lib/$(uname -m)-linux-gnu
# of these, all are unpacked, also what the machine has: half of them in one place and half in the other do not run
OURS='^(slurm|libslurm|munge|libmunge|mariadb|libmariadb|galera|postgresql|libpq|chromium|fontconfig-config|fonts-dejavu)'

# everything PACKAGE... need: what apt would install, and those of ours that it would not because they are installed
closure() {
  apt --simulate install --no-install-recommends "$@" | awk '$1 == "Inst" { print $2 }' &&
    cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    grep -E "$OURS"
}

# lacks GROUP: whether a package of the group is not installed
lacks() {
  local package
  for package in $(group_packages "$1"); do installed "$package" || return 0; done
  return 1
}

# some packages still put files into /bin, /sbin and /lib, which are links to the folders of /usr on every Debian
merge_into_usr() {
  local folder
  for folder in bin sbin lib; do
    [ -d "$TREE/$folder" ] || continue
    mkdir -p "$TREE/usr/$folder"
    cp -a "$TREE/$folder/." "$TREE/usr/$folder/"
    rm -rf "${TREE:?}/$folder"
  done
}

# the dynamic loader of this machine's programs, e.g. /lib64/ld-linux-x86-64.so.2
find_loader() {
  local file
  for file in /lib64/ld-linux*.so.* /lib/ld-linux*.so.*; do
    if [ -x "$file" ]; then
      printf '%s\n' "$file"
      return
    fi
  done
  die "no dynamic loader in /lib64 or /lib" "This processor is not supported yet: $(uname -m)."
}

# wrap NAME PROGRAM [argument...]: a program whose libraries lie in the tree. The loader is called by its name,
# because a variable would reach the jobs that the program submits.
wrap() {
  local name=$1 program=$2
  shift 2
  printf '#!/bin/sh\nexec %s --argv0 %s --library-path %s %s "$@"\n' "$LOADER" "$name" "$LIBRARIES:$LIBRARIES/slurm-wlm" \
    "$program" >"$TREE/bin/$name"
  chmod 755 "$TREE/bin/$name"
}

# every command of Slurm's: on a machine without Slurm one that is left out is nowhere else
slurm_commands() { find "$TREE/usr/bin" -type f -executable -exec grep -l --binary-files=text libslurm {} +; }

wrap_scheduler() {
  local name program
  for name in munge unmunge; do wrap "$name" "$TREE/usr/bin/$name"; done
  while read -r program; do wrap "$(basename "$program")" "$program"; done < <(slurm_commands)
  for name in munged mariadbd slurmdbd slurmrestd; do ln -sfn "../usr/sbin/$name" "$TREE/bin/$name"; done
  for name in slurmctld slurmd slurmstepd; do ln -sfn "../usr/sbin/$name-wlm" "$TREE/bin/$name"; done
  ln -sfn ../usr/bin/mariadb-install-db "$TREE/bin/mariadb-install-db"
}

# Chromium starts copies of itself, so its libraries are named by a variable; it submits no jobs
wrap_browser() {
  cat >"$TREE/bin/chromium" <<SCRIPT
#!/bin/sh
export LD_LIBRARY_PATH=$LIBRARIES:$LIBRARIES/nss:$LIBRARIES/pulseaudio
export FONTCONFIG_PATH=$TREE/etc/fonts
export XDG_DATA_DIRS=$TREE/usr/share:/usr/local/share:/usr/share
exec $TREE/usr/lib/chromium/chromium "\$@"
SCRIPT
  chmod 755 "$TREE/bin/chromium"
  # fontconfig's own list of folders names /usr/share/fonts; ours lie in the tree
  sed "s|<dir>/usr/share/fonts</dir>|<dir>/usr/share/fonts</dir><dir>$TREE/usr/share/fonts</dir>|" \
    "$TREE/etc/fonts/fonts.conf" >"$TREE/etc/fonts/fonts.conf.new"
  mv "$TREE/etc/fonts/fonts.conf.new" "$TREE/etc/fonts/fonts.conf"
}

# A Python that was unpacked too starts as itself by whatever name it is called, so that virtual environments are found
wrap_python() {
  local program
  for program in "$TREE"/usr/bin/python3.[0-9]*; do
    case $program in *config | *\*) continue ;; esac
    mv "$program" "$program.program"
    # shellcheck disable=SC2016 # $0 and $@ are the wrapper's own
    printf '#!/bin/sh\nexec %s --argv0 "$0" --library-path %s %s "$@"\n' "$LOADER" "$LIBRARIES" \
      "$program.program" >"$program"
    chmod 755 "$program"
  done
}

wanted=() groups=()
for group in scheduler browser database python; do
  lacks "$group" || continue
  groups+=("$group")
  mapfile -t -O "${#wanted[@]}" wanted < <(group_packages "$group")
done
[ ${#wanted[@]} -gt 0 ] || exit 0
stamp=$(printf '%s\n' "$TREE" "${wanted[@]}" "$(sha256sum "$0")" | sha256sum)
done_already unpack "$stamp" && exit 0

if ! command -v apt-get >/dev/null; then
  tell_missing_programs
  exit 0
fi
step "unpacking Debian packages below $TREE: ${wanted[*]}"
rm -rf "$TREE"
mkdir -p "$TREE"
update_lists
closure "${wanted[@]}" >"$APT/closure" 2>"$PREFIX/log/apt-closure.log" ||
  die "apt-get cannot get ${#wanted[@]} packages: $(why_apt_failed apt-closure)" \
    "Check the network and /etc/apt/sources.list*, then run this again."
mapfile -t all < <(sort -u "$APT/closure")
unpack_into "$TREE" "${all[@]}" ||
  die "apt-get could not download ${#all[@]} packages: $(why_apt_failed apt-download)" \
    "Check the network, then run this again."
merge_into_usr
mkdir "$TREE/bin" # for our wrappers alone
LOADER=$(find_loader)
for group in "${groups[@]}"; do
  case $group in scheduler) wrap_scheduler ;; browser) wrap_browser ;; python) wrap_python ;; esac
done
mark_done unpack "$stamp"
