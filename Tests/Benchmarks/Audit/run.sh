#!/usr/bin/env bash
# Measures the audit: Tests/Benchmarks/Audit/run.sh [prune] [EVENTS], a million unless said; `prune` is that of PostgreSQL alone. Starts a PostgreSQL
# of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
# shellcheck source=deploy/postgres.sh
. deploy/postgres.sh
need_swift
install_packages "${build_packages[@]}" postgresql
trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
benchmark=$(deploy/build.sh GatehouseAuditBenchmark)
postgres_start
if [ "${1:-}" = prune ]; then
  "$benchmark" prune "${2:-1000000}"
else
  "$benchmark" "${1:-1000000}"
fi
