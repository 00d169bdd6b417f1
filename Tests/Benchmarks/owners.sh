#!/usr/bin/env bash
# What the personal tokens of very many people cost: to connect, to read at the start, to look for news, and in memory.
#
#   Tests/Benchmarks/owners.sh [PEOPLE]    10000 unless said
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
GATEHOUSE_TEST_OWNERS=${1:-10000} exec deploy/test.sh --filter ManyOwnersTests
