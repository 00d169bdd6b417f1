#!/usr/bin/env bash
# Takes the promises of the tables away, one after the other, and holds the tests to failing then.
#
#   Tests/Mutations/run.sh                        every mutation of every table
#   Tests/Mutations/run.sh insiders.toml          those of one table
#   Tests/Mutations/run.sh trace expired-key      some, by name
#   Tests/Mutations/run.sh --resume [TABLE|NAME]… without those that were caught before with the same sources and tests
#   Tests/Mutations/run.sh --check [TABLE|NAME]…  whether the tables fit the sources; builds nothing
#   Tests/Mutations/run.sh --generated [--resume|--list] [--explained] [SUBJECT|FILE]…
#                                                 mutants that generate.py makes of the gate (mcp, phases) and of the verifier (identity) by itself;
#                                                 --explained asks the tests also of those that equivalent.toml explains, which none may tell
#
# Each set of tests runs once without a mutation, by which its time is known, and then under each of its mutations; those that start real
# servers come last. A run that is ended goes on with --resume. GATEHOUSE_MUTATION_TIMEOUT: seconds that tests may take beyond four times their own (240).
#
# Works on a copy under .build/mutations with a build folder of its own: the first build takes as long as one from nothing, the next ones
# build what changed. All mutations are built at once, and each asks for its flag file when its place is reached.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
# shellcheck source=deploy/postgres.sh
. deploy/postgres.sh
# shellcheck source=deploy/python.sh
. deploy/python.sh

if [ "${1:-}" = --check ]; then
  /usr/bin/python3 Tests/Mutations/generate.py --check
  exec /usr/bin/python3 Tests/Mutations/mutate.py "$@"
fi
need_swift
if [ "${1:-}" = --generated ]; then
  shift
  # Their tests need neither servers nor Python.
  install_packages "${build_packages[@]}"
  exec /usr/bin/python3 Tests/Mutations/generate.py "$@"
fi
install_packages "${build_packages[@]}" "${test_packages[@]}"
trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
postgres_start
python_environments
/usr/bin/python3 Tests/Mutations/mutate.py "$@"
