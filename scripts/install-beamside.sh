#!/usr/bin/env bash
# Build beamside's wheel from a copy of this clone and install it, with all that the demonstration and the tests need,
# into PREFIX/venv. The clone is only read, so it may lie in a private home or on a read-only disk.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/node-path.sh
. "$CLONE/scripts/node-path.sh"

SOURCE=$PREFIX/source
PACKAGES=(facility hub_ext spawners server_ext dask_hpc beamside)
FILES=(pyproject.toml README.md LICENSE)
VERSIONS=scripts/python-versions.txt

# what belongs to the project: what git tracks and what is new and not ignored; without git everything but caches
list_files() {
  if git -c safe.directory='*' -C "$CLONE" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git -c safe.directory='*' -C "$CLONE" ls-files -z --cached --others --exclude-standard
  else
    (cd "$CLONE" && find . -type d \( -name .git -o -name node_modules -o -name dist -o -name lib -o -name '__pycache__' \
      -o -name '.*_cache' \) -prune -o -type f -print0)
  fi
}

# git also names files that were deleted and not yet committed
only_existing() {
  local file
  while IFS= read -r -d '' file; do
    if [ -f "$CLONE/$file" ]; then printf '%s\0' "$file"; fi
  done
}

# a fresh copy; what was built in the old one from TypeScript is kept as long as its sources are the same
copy_source() {
  local kept=(labextension/node_modules) name
  rm -rf "$SOURCE.new"
  mkdir -p "$SOURCE.new"
  list_files | only_existing | tar -C "$CLONE" --null --no-recursion -T - -cf - |
    tar -C "$SOURCE.new" --no-same-owner -xf -
  (cd "$SOURCE.new/labextension" && hash_of .) >"$SOURCE.new/labextension.hash"
  (cd "$SOURCE.new" && hash_of "${PACKAGES[@]}" examples labextension.hash "${FILES[@]}") >"$SOURCE.new/code.hash"
  cmp -s "$SOURCE.new/labextension.hash" "$SOURCE/labextension.hash" &&
    kept+=(labextension/dist labextension/lib labextension/tsconfig.tsbuildinfo spawners/form/static)
  for name in "${kept[@]}"; do
    [ -e "$SOURCE/$name" ] && mv "$SOURCE/$name" "$SOURCE.new/$name"
  done
  rm -rf "$SOURCE"
  mv "$SOURCE.new" "$SOURCE"
}

build_wheel() {
  use_npm_configuration_for_yarn
  rm -rf "$PREFIX/wheel"
  PATH=$PREFIX/venv/bin:$PATH run_logged wheel "$PYTHON" -m pip wheel --no-deps --no-build-isolation \
    -w "$PREFIX/wheel" "$SOURCE" ||
    die "the wheel could not be built (all it said: $PREFIX/log/wheel.log)" \
      "If the end above names a network address, check the network and the configurations of pip and npm."
  local part
  for part in static/remoteEntry spawners/form/static/form.js; do
    "$PYTHON" -m zipfile -l "$PREFIX"/wheel/beamside-*.whl | grep "$part" >/dev/null ||
      die "the wheel holds no $part, which is built from TypeScript" "Unset SKIP_JUPYTER_BUILDER and HATCH_JUPYTER_BUILDER_SKIP_NPM and run this again."
  done
}

# exact versions with checksums, the tools that build the wheel among them; scripts/freeze.sh makes the list
install_dependencies() {
  step "installing Python packages from PyPI: the longest part; what it does is told in $PREFIX/log/dependencies.log"
  run_logged dependencies "$PYTHON" -m pip install --require-hashes -r "$VERSIONS" ||
    die "pip could not install the packages (all it said: $PREFIX/log/dependencies.log)" \
      "Check the network and pip's configuration, then run this again."
}

copy_source
cd "$SOURCE"
code=$(cat code.hash)
wanted=$(hash_of "$VERSIONS")
if ! done_already dependencies "$wanted"; then
  install_dependencies
  mark_done dependencies "$wanted"
fi
if ! done_already wheel "$code"; then
  step "building the wheel"
  build_wheel
  step "installing the wheel"
  run_logged install "$PYTHON" -m pip install --no-deps --force-reinstall "$PREFIX"/wheel/beamside-*.whl ||
    die "the wheel could not be installed (all pip said: $PREFIX/log/install.log)" "Remove $PREFIX/venv and run this again."
  mark_done wheel "$code"
fi
