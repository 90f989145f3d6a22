#!/usr/bin/env bash
# Writes docs/configuration.md from the flags of `traceway serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
UPDATE_DOCS=1 TRACEWAY_DASHBOARD=skip cargo test --quiet -p api --bin traceway configuration_reference
