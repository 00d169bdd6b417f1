#!/usr/bin/env bash
# Measures the audit: Tests/Benchmarks/Audit/run.sh [drain|prune] [EVENTS], a million unless said; `drain` is the CPU alone that the sinks take,
# `prune` that of PostgreSQL alone. Starts a PostgreSQL of its own.
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
case "${1:-}" in
drain | prune) "$benchmark" "$1" "${2:-1000000}" ;;
*) "$benchmark" "${1:-1000000}" ;;
esac
