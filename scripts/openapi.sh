#!/usr/bin/env bash
# Writes the API description and the dashboard's types from the code.
set -euo pipefail
cd "$(dirname "$0")/.."
TRACEWAY_DASHBOARD=skip cargo run --quiet -p rest --example openapi > target/openapi.json
mv target/openapi.json dashboard/openapi.json
(cd dashboard && npm run --silent types)
