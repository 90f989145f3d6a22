#!/usr/bin/env bash
# Runs the official Python and Node clients against the emulator. Installs them below target/turbopuffer-sdk first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
made=${CARGO_TARGET_DIR:-$root/target}/turbopuffer-sdk
mkdir -p "$made"

# Two runs at a time would install into each other.
exec 9>"$made/lock"
flock 9

if ! cmp -s "$here/python/requirements.txt" "$made/python/requirements.txt"; then
    rm -rf "$made/python"
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt"
    cp "$here/python/requirements.txt" "$made/python/"
fi
if ! cmp -s "$here/node/package-lock.json" "$made/node/package-lock.json"; then
    rm -rf "$made/node"
    mkdir -p "$made/node"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$made/node/"
    npm ci --silent --ignore-scripts --prefix "$made/node"
fi
# Node looks for packages beside the script.
cp "$here/node/check.mjs" "$made/node/"

cargo build --quiet --manifest-path "$root/Cargo.toml" --package turbopuffer-emulator
coproc emulator {
    exec "${CARGO_TARGET_DIR:-$root/target}/debug/turbopuffer-emulator" --listen 127.0.0.1:0 --admin 127.0.0.1:0 9>&-
}
pid=$emulator_PID
trap 'kill "$pid" 2>/dev/null || true' EXIT
# The first line says which ports were free.
read -r ports <&"${emulator[0]}"
url=${ports#*\"url\":\"}
admin_url=${ports#*\"admin_url\":\"}
export EMULATOR_URL=${url%%\"*} EMULATOR_ADMIN_URL=${admin_url%%\"*}

"$made/python/bin/python" "$here/python/check.py"
node "$made/node/check.mjs"
