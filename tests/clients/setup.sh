#!/usr/bin/env bash
# Installs the vendors' client libraries that the client tests run, below target/clients. Does nothing when they are there.
#
# Node 22 or newer is taken from the system if it has one, else from the package registry.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/clients
node_version=24.21.0
mkdir -p "$target"
target=$(cd "$target" && pwd)

# Two runs at a time would install into each other.
exec 9>"$target/lock"
flock 9

# Runs the rest of its arguments unless $1 was made from the files before `--` as they are now.
once() {
    local made=$1 files=() key
    shift
    while [ "$1" != -- ]; do files+=("$1"); shift; done
    shift
    key=$(cat "${files[@]}" | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$made/.made-from" 2>/dev/null)" = "$key" ]; then return; fi
    rm -rf "$made"
    mkdir -p "$made"
    "$@" "$made"
    echo "$key" >"$made/.made-from"
}

python_environment() {
    local requirements=$1 made=$2
    echo "installing $(basename "$requirements") into $made" >&2
    python3 -m venv "$made"
    "$made/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$requirements" >&2
}

node_runtime() {
    local made=$1 machine
    case $(uname -m) in
        x86_64) machine=x64 ;;
        aarch64) machine=arm64 ;;
        *) echo "no Node 22 here, and none to install for $(uname -m)" >&2; exit 1 ;;
    esac
    npm install --silent --no-save --prefix "$made" "node-linux-$machine@$node_version" >&2
    ln -s "node_modules/node-linux-$machine/bin" "$made/bin"
}

node_packages() {
    local made=$1
    echo "installing package-lock.json into $made" >&2
    cp "$here/node/package.json" "$here/node/package-lock.json" "$here/node/.npmrc" "$made/"
    npm ci --silent --ignore-scripts --prefix "$made" >&2
}

once "$target/python" "$here/python/requirements.txt" -- python_environment "$here/python/requirements.txt"
once "$target/traceloop" "$here/python/requirements-traceloop.txt" -- \
    python_environment "$here/python/requirements-traceloop.txt"

major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/' || true)
if [ "${major:-0}" -lt 22 ]; then
    once "$target/node-runtime" <(echo "$node_version") -- node_runtime
    PATH=$target/node-runtime/bin:$PATH
fi
once "$target/node" "$here/node/package.json" "$here/node/package-lock.json" -- node_packages

# Scripts beside package.json find their packages through the first link, the tests find Node through the second.
ln -sfn "$target/node/node_modules" "$here/node/node_modules"
ln -sfn "$(command -v node)" "$target/node/interpreter"
