#!/usr/bin/env bash
# Shows Gatehouse at work, on loopback, on a Debian 12 machine with only Swift installed: installs what is missing,
# builds, and runs `gatehouse demo` with the given arguments (`--keep` leaves it running).
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/packages.sh
. "$folder/packages.sh"

need_swift
install_packages "${build_packages[@]}"
binary=$("$folder/build.sh")
exec "$binary" demo "$@"
