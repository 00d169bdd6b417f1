#!/usr/bin/env bash
# Breaks what Gatehouse stands on, one thing after the other and under load, and says what that broke.
#
#   Tests/Chaos/run.sh [EVENT]…                        every event, or those that are named; `list` names them
#   Tests/Chaos/run.sh fleet [--pooler MODE] [EVENT]…  what three instances of one PostgreSQL share, and a restart of one after the other; MODE is
#                                                      session or transaction, of a PgBouncer between them and the database
#   Tests/Chaos/run.sh handover                        processes that take over one port from each other, under wrk
#   Tests/Chaos/run.sh soak [--minutes N] [--picture FILE]   load with rotations, renewals and reloads; memory, descriptors and threads as a picture
#   Tests/Chaos/run.sh greedy                          slow and greedy clients beside good ones
#   Tests/Chaos/run.sh secrets                         what a core of the process holds
#
# It is run by root, since it mounts small file systems and a resolv.conf, all in a mount namespace of its own. $GATEHOUSE names the binary,
# by default the one that deploy/build.sh makes. It ends non-zero with a line for each thing that was broken.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$folder/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
# shellcheck source=deploy/postgres.sh
. deploy/postgres.sh

[ "$(id -u)" -eq 0 ] || { echo "error: mounts need root" >&2; exit 1; }
if [ -z "${GATEHOUSE_CHAOS_NAMESPACE:-}" ]; then
  GATEHOUSE_CHAOS_NAMESPACE=own exec unshare --mount "$0" "$@"
fi
install_packages "${build_packages[@]}" postgresql pgbouncer openssl util-linux faketime gdb wrk
binary=${GATEHOUSE:-$(deploy/build.sh)}
trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
postgres_start
PYTHONDONTWRITEBYTECODE=1 GATEHOUSE_CHAOS_POSTGRES_FOLDER=$postgres_folder GATEHOUSE_CHAOS_POSTGRES_BIN=$(postgres_bin) \
  /usr/bin/python3 "$folder/driver" --gatehouse "$binary" "$@"
