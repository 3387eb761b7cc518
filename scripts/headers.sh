# Sourced by what builds the addon: uses the headers that came with this Node.js, if they did, so that a build needs no
# network. Otherwise node-gyp fetches them from nodejs.org.
prefix=$(node -p 'path.dirname(path.dirname(process.execPath))')
if [ -e "$prefix/include/node/node_api.h" ]; then export npm_config_nodedir=$prefix; fi
