#!/usr/bin/env bash
# Writes anew what is made from the code and kept in the repository: the schema and the reference of the configuration.
# A test fails when they differ from what the code says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift build --product gatehouse -j "$(nproc)" </dev/null >&2
gatehouse=$(swift build --show-bin-path)/gatehouse
"$gatehouse" schema >config/gatehouse.schema.json
"$gatehouse" schema --reference >docs/CONFIGURATION.md
