#!/usr/bin/env bash
# Starts a cloud from built binaries, runs the browser tests of the cloud against it, and stops it. Arguments go to
# Playwright.
set -euo pipefail
cd "$(dirname "$0")/../.."

services=$(scripts/services.sh start)
eval "$services"
target=${CARGO_TARGET_DIR:-$PWD/target}
export TRACEWAY_BIN=${TRACEWAY_BIN:-$target/release/traceway}
coproc CLOUD { exec "$target/debug/cloud" --json --runs 0 --api-addr 127.0.0.1:0 --proxy-addr 127.0.0.1:0; }
cloud=$CLOUD_PID
trap 'kill "$cloud" 2>/dev/null; wait "$cloud" 2>/dev/null || true' EXIT
read -r facts <&"${CLOUD[0]}"
fact() { node -e 'console.log(JSON.parse(process.argv[1])[process.argv[2]])' "$facts" "$1"; }
CLOUD_URL=$(fact api_url) CLOUD_MAIL_URL=$(fact resend_url) CLOUD_WEBHOOK_SECRET=$(fact webhook_secret)
CLOUD_REPLICAS=$(node -e 'console.log(JSON.stringify(JSON.parse(process.argv[1]).replicas))' "$facts")
export CLOUD_URL CLOUD_MAIL_URL CLOUD_WEBHOOK_SECRET CLOUD_REPLICAS
cd tests/browser
npm run test:cloud -- "$@"
