#!/usr/bin/env bash
# Runs every test, or the parts named. Installs and starts what they need: Debian packages as root, npm and Python
# packages into folders of the project.
set -euo pipefail
cd "$(dirname "$0")/.."

parts=(lint unit dashboard server conformance cloud lambda sdks clients browser faults deploy)

usage() {
  cat <<EOF
usage: scripts/test.sh [PART...]

  lint         formatting and lints of the Rust code
  unit         domain, ports, handlers and adapters (cargo test), with a real Postgres and Redis
  dashboard    types, lints and tests of the web UI
  server       builds the release binary that the parts below run
  conformance  the HTTP contract against the real server
  cloud        the same contract, and tenants, limits and billing, against two replicas in cloud mode
  lambda       the same contract against the functions on an emulator of AWS Lambda; freezing, kills, queue and clock
  sdks         the vendors' clients against the emulators of their services
  clients      real client libraries against a local server and a cloud
  browser      the dashboard in Chromium, against a local server and a cloud
  faults       kill -9, full and slow disks, hostile input; a cloud whose replicas and services go
  deploy       the image, the functions, and what is written for Docker, Railway and AWS, against the code

Without a PART, all of them in this order.
EOF
}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Installs Debian packages that are missing, where that is possible, and says what to do where it is not.
need() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "these packages are needed: ${missing[*]}" >&2
    echo "install them with: apt-get install ${missing[*]}" >&2
    exit 1
  fi
}

lint() {
  cargo fmt --all --check
  TRACEWAY_DASHBOARD=skip cargo clippy --workspace --all-targets -- -D warnings
}

unit() {
  services
  TRACEWAY_DASHBOARD=skip cargo test --workspace --exclude conformance
}

# Starts Postgres, PgBouncer and Redis for the tests, unless their URLs are given.
services() {
  [ -n "${TEST_DATABASE_URL:-}" ] && [ -n "${TEST_REDIS_URL:-}" ] && return
  trap 'scripts/services.sh stop' EXIT
  local urls
  # By itself, since `eval` succeeds whatever came of the command.
  urls=$(scripts/services.sh start)
  eval "$urls"
}

dashboard() {
  (cd dashboard && npm ci --no-audit --no-fund --loglevel=error && npm run check && npm test)
}

server() {
  cargo build --release -p api -p runtime-lambda
  cargo build -p conformance --bins
}

conformance() {
  cargo test -p conformance --test emulator
  cargo test -p conformance --test conformance -- --report "$target/conformance"
}

cloud() {
  services
  CONFORMANCE_MOUNT=cloud cargo test -p conformance --test conformance -- --report "$target/conformance"
  cargo run --quiet -p conformance --bin side-by-side -- "$target/conformance" > "$target/side-by-side.md"
  echo "the mounts side by side: $target/side-by-side.md"
  cargo test -p conformance --test cloud
}

lambda() {
  services
  cargo test -p lambda-emulator
  CONFORMANCE_MOUNT=lambda cargo test -p conformance --test conformance -- --report "$target/conformance"
  cargo run --quiet -p conformance --bin side-by-side -- "$target/conformance" > "$target/side-by-side.md"
  echo "the mounts side by side: $target/side-by-side.md"
  cargo test -p conformance --test lambda
  if cargo lambda --version >/dev/null 2>&1; then
    python3 tests/lambda/watch.py
  else
    echo "cargo-lambda is not installed: the functions were not tried under cargo lambda watch"
  fi
}

sdks() {
  need python3-venv
  cargo build -p turbopuffer-emulator
  bash tests/turbopuffer/sdk/check.sh
}

clients() {
  need python3-venv curl
  services
  bash tests/clients/setup.sh
  cargo test -p conformance --test clients
}

browser() {
  command -v chromium >/dev/null || need chromium
  (cd tests/browser && npm ci --no-audit --no-fund --loglevel=error && npm test)
  services
  bash tests/browser/cloud.sh
}

faults() {
  services
  cargo test -p conformance --test faults --test cloud_faults
}

deploy() {
  need python3-venv mmdebstrap binutils zip
  scripts/package-lambda.sh --binaries "$target/release"
  bash tests/deploy/check.sh
}

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  usage
  exit 0
fi

for part in "$@"; do
  case " ${parts[*]} " in
    *" $part "*) ;;
    *) usage >&2; exit 2 ;;
  esac
done

[ $# -gt 0 ] || set -- "${parts[@]}"
target=${CARGO_TARGET_DIR:-$PWD/target}
export TRACEWAY_BIN=${TRACEWAY_BIN:-$target/release/traceway}
started=$SECONDS
for part in "$@"; do
  say "$part"
  before=$SECONDS
  "$part"
  echo "-- $part took $((SECONDS - before)) s"
done
echo "all passed in $((SECONDS - started)) s: $*"
