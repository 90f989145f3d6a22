#!/usr/bin/env bash
# Checks everything for deployment against the code, and runs the image's last stage. Installs the tools below
# target/deploy first. TRACEWAY_BIN is the release binary that goes into the image.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
made=${CARGO_TARGET_DIR:-$root/target}/deploy
export TRACEWAY_BIN=${TRACEWAY_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/traceway}
mkdir -p "$made"

# Two runs at a time would install into each other.
exec 9>"$made/lock"
flock 9

if ! cmp -s "$here/requirements.txt" "$made/python/requirements.txt"; then
    rm -rf "$made/python"
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$made/python/"
fi

# Only the program is wanted: the package as installed would start a web server.
if [ ! -x "$made/caddy/usr/bin/caddy" ]; then
    rm -rf "$made/caddy"
    mkdir -p "$made/caddy"
    cd "$made/caddy"
    apt-get download -qq caddy 2>/dev/null || { apt-get update -qq && apt-get download -qq caddy; }
    dpkg-deb -x caddy_*.deb .
    rm caddy_*.deb
fi
export PATH=$made/caddy/usr/bin:$PATH

cd "$here"
exec "$made/python/bin/python" -m unittest -v
