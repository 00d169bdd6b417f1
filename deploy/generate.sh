#!/usr/bin/env bash
# Writes anew what is made and kept in the repository: the schema and the reference of the configuration, from the code, and the runbook as the
# binary holds it, from its document.
# A test fails when they differ from what the code says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
{
  echo '/// docs/OAUTH_TROUBLESHOOTING.md, put here by deploy/generate.sh.'
  echo 'enum RunbookText {'
  # swift-format would wrap lines of a literal that stand in the document as they are.
  echo '    static let markdown: StaticString = ##"""'
  sed -e 's/^/        /' -e 's/^ *$//' docs/OAUTH_TROUBLESHOOTING.md
  echo '        """##'
  echo '}'
} >Sources/GatehouseServer/Admin/Runbook/RunbookText.swift
swift build --product gatehouse -j "$(nproc)" </dev/null >&2
gatehouse=$(swift build --show-bin-path)/gatehouse
"$gatehouse" schema >config/gatehouse.schema.json
"$gatehouse" schema --reference >docs/CONFIGURATION.md
