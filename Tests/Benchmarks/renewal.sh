#!/usr/bin/env bash
# Calls without a pause through the real binary, with tokens of a minute that renew themselves and an authorization server that punishes the reuse of a
# refresh token, and says how many calls failed. None may.
#
#   Tests/Benchmarks/renewal.sh [MINUTES]    10 unless said
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
GATEHOUSE_TEST_RENEWAL_MINUTES=${1:-10} exec deploy/test.sh --filter RenewalLoadTests
