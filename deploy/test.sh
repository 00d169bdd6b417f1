#!/usr/bin/env bash
# Runs every test on a Debian 12 machine with only Swift installed: installs what they need, starts a PostgreSQL of
# its own, builds the product and runs `swift test`. A run of everything ends with the count of instructions.
#
#   deploy/test.sh [--sanitize=address|thread] [argument of swift test]…
#
# With --sanitize all of it, and the binary that the end-to-end suite runs, are built under that sanitizer in a folder of their own. What it finds in
# any process is printed at the end and makes the run fail. Options of the sanitizers, and what cannot run under them, are in
# Tests/Sanitizers/setup.sh.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$folder/.."
# shellcheck source=deploy/packages.sh
. "$folder/packages.sh"
# shellcheck source=deploy/postgres.sh
. "$folder/postgres.sh"
# shellcheck source=deploy/python.sh
. "$folder/python.sh"

sanitizer=
case "${1:-}" in
--sanitize=address | --sanitize=thread)
  sanitizer=${1#--sanitize=}
  shift
  ;;
--sanitize*)
  echo "error: --sanitize=address or --sanitize=thread" >&2
  exit 64
  ;;
esac

need_swift
install_packages "${build_packages[@]}" "${test_packages[@]}"
trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
postgres_start
python_environments
# Tests and product in one build: the end-to-end suite runs the binary beside its own.
built=() unfit=()
# shellcheck source=Tests/Sanitizers/setup.sh
[ -z "$sanitizer" ] || . Tests/Sanitizers/setup.sh
swift build --build-tests -j "$(nproc)" "${built[@]}" </dev/null

# Every test of a run would start at once, and each then waits for all others longer than its limit.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-6}
printed=$(mktemp)
trap 'postgres_stop; rm -f "$printed"' EXIT

run() { swift test --skip-build --disable-xctest "${built[@]}" "${unfit[@]/#/--skip=}" "$@" </dev/null 2>&1 | tee -a "$printed"; }
failed=0
if [ $# -gt 0 ]; then
  run "$@" || failed=1
else
  # Those that talk over sockets or start programs have runs of their own, and those that say how long something may take measure
  # themselves and not the others.
  timed='NamesTests|PoolerTests|StoresBehindAPooler|FleetDenyTests|FleetBearerTests'
  # It writes millions of rows, for which others who write to the disk may wait seconds.
  junk=JunkRowsTests
  named=NamedFailureTests
  # Tokens that last six seconds.
  renewed=EndToEndTests.RenewalTests
  run --skip GatehouseProxyTests --skip EndToEndTests --skip "$timed|$junk|$named|$renewed" || failed=1
  run --filter GatehouseProxyTests || failed=1
  run --filter EndToEndTests --skip "$timed|$junk|$named|$renewed" || failed=1
  run --filter "$timed" || failed=1
  run --filter "$junk" || failed=1
  run --filter "$named" || failed=1
  run --filter "$renewed" || failed=1
  # A short run of it, also with the sanitizers' binary.
  GATEHOUSE=$(swift build --show-bin-path "${built[@]}" </dev/null)/gatehouse Tests/Smuggling/run.sh --cases 1000 || failed=1
  [ -n "$sanitizer" ] || Tests/Benchmarks/instructions.sh || failed=1
  # What failed is said once more where a reader looks first.
  grep -aE '^✘|^. Test run with' "$printed" | cut -c1-600 || true
fi
[ -z "$sanitizer" ] || sanitizer_found_nothing || failed=1
exit "$failed"
