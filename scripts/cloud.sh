#!/usr/bin/env bash
# Starts a cloud on this machine: Postgres, Redis, emulators of Turbopuffer, Resend and Polar, two replicas behind a
# load balancer, and a demo organisation. Runs until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=debug
flags=()
case "${1:-}" in
  -h | --help)
    cat <<TEXT
usage: scripts/cloud.sh [--release] [FLAG...]

  --release  builds and runs the release binary; the debug binary is quicker to build and slower to run
  FLAG       goes to the program, for instance --api-addr 127.0.0.1:0 --json; -- --help lists all

The dashboard is at http://127.0.0.1:3000, the proxy at http://127.0.0.1:3001.
TEXT
    exit
    ;;
  --release)
    profile=release
    flags=(--release)
    shift
    ;;
esac
[ "${1:-}" != -- ] || shift

services=$(scripts/services.sh start)
eval "$services"
# One after the other: together they would be built with the features of both, and all they need once more.
cargo build "${flags[@]}" -p api >&2
cargo build "${flags[@]}" -p conformance --bins >&2
target=$(realpath "${CARGO_TARGET_DIR:-target}")
# The tests take the newer of two builds; here it is the one that was just asked for.
export TRACEWAY_BIN=${TRACEWAY_BIN:-$target/$profile/traceway}
exec "$target/$profile/cloud" "$@"
