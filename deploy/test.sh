#!/usr/bin/env bash
# Runs every test on a Debian 12 machine with only Swift installed: installs what they need, starts a PostgreSQL of
# its own, builds the product and runs `swift test`. A run of everything ends with the count of instructions.
#
#   deploy/test.sh [--sanitize=address|thread] [argument of swift test]…
#
# With --sanitize only the pure modules and the data path run, built under that sanitizer in a folder of its own.
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
if [ -n "$sanitizer" ]; then
  install_packages "${build_packages[@]}"
  place=.build/$sanitizer
  swift build --build-tests -j "$(nproc)" --sanitize "$sanitizer" --scratch-path "$place" </dev/null
  if [ "$sanitizer" = thread ]; then
    clang -shared -fPIC -O1 -o "$place/mutex.so" Tests/Sanitizers/mutex.c
    export LD_PRELOAD=$PWD/$place/mutex.so
  fi
  # The end-to-end suite runs a binary that is not built under the sanitizer.
  # XCTest, of which there are no tests here, leaks on its way out.
  exec swift test --skip-build --disable-xctest --sanitize "$sanitizer" --scratch-path "$place" \
    --skip EndToEndTests "$@" </dev/null
fi

install_packages "${build_packages[@]}" "${test_packages[@]}"
trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
postgres_start
python_environments
# Tests and product in one build: the end-to-end suite runs the binary beside its own.
swift build --build-tests -j "$(nproc)" </dev/null

# Every test of a run would start at once, and each then waits for all others longer than its limit.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=6
printed=$(mktemp)
trap 'postgres_stop; rm -f "$printed"' EXIT

run() { swift test --skip-build --disable-xctest "$@" </dev/null 2>&1 | tee -a "$printed"; }
if [ $# -gt 0 ]; then
  run "$@"
else
  # Those that talk over sockets or start programs have runs of their own, and those that say how long something may take measure
  # themselves and not the others.
  failed=0
  timed='NamesTests|PoolerTests|StoresBehindAPooler|JunkRowsTests|FleetDenyTests|FleetBearerTests'
  named=NamedFailureTests
  # Tokens that last six seconds.
  renewed=EndToEndTests.RenewalTests
  run --skip GatehouseProxyTests --skip EndToEndTests --skip "$timed|$named|$renewed" || failed=1
  run --filter GatehouseProxyTests || failed=1
  run --filter EndToEndTests --skip "$timed|$named|$renewed" || failed=1
  run --filter "$timed" || failed=1
  run --filter "$named" || failed=1
  run --filter "$renewed" || failed=1
  Tests/Benchmarks/instructions.sh || failed=1
  # What failed is said once more where a reader looks first.
  grep -aE '^✘|^. Test run with' "$printed" | cut -c1-600 || true
  exit "$failed"
fi
