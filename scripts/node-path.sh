# shellcheck shell=bash
# Sourced: puts the prefix's own Node first in PATH, and gives it and yarn the machine's npm configuration,
# which a Node outside /usr would not find.

if [ -x "$PREFIX/node/bin/node" ]; then
  PATH=$PREFIX/node/bin:$PATH
fi
if [ -z "${NPM_CONFIG_GLOBALCONFIG:-}" ]; then
  for file in /usr/local/etc/npmrc /usr/etc/npmrc /etc/npmrc; do
    if [ -r "$file" ]; then
      export NPM_CONFIG_GLOBALCONFIG=$file
      break
    fi
  done
fi
# yarn reads none of npm's files
use_npm_configuration_for_yarn() {
  local registry authority
  registry=$(npm config get registry 2>/dev/null)
  authority=$(npm config get cafile 2>/dev/null)
  case $registry in http*) export YARN_NPM_REGISTRY_SERVER=${registry%/} ;; esac
  if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$authority" ]; then
    export NODE_EXTRA_CA_CERTS=$authority
  fi
}
