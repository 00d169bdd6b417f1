#!/usr/bin/env bash
# Builds the container image with Docker or Podman, prints its size, and fails when it is over its bound.
#
#   deploy/image.sh [TAG] [argument of docker build]…        gatehouse:local unless told
#
# $CONTAINER_ENGINE names the engine; otherwise it is the first that answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The image has no base (FROM scratch): this is over nothing.
maximum=$((90 * 1024 * 1024))

tag=gatehouse:local
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  tag=$1
  shift
fi
engine=${CONTAINER_ENGINE:-}
for candidate in docker podman; do
  [ -n "$engine" ] || ! "$candidate" info >/dev/null 2>&1 || engine=$candidate
done
if [ -z "$engine" ]; then
  echo "error: neither docker nor podman answers" >&2
  exit 1
fi

options=()
# Podman's own image format has no HEALTHCHECK.
case "$("$engine" --version)" in podman*) options+=(--format docker) ;; esac
if revision=$(git rev-parse HEAD 2>/dev/null); then
  options+=(--build-arg "REVISION=$revision" --build-arg "VERSION=$(git describe --tags --always --dirty)"
    --build-arg "CREATED=$(git log -1 --format=%cI)")
fi
"$engine" build "${options[@]}" --tag "$tag" --file deploy/Dockerfile "$@" . >&2

# Engines report the size of an image differently, compressed or doubled; the bytes of its files are the same everywhere.
container=$("$engine" create "$tag")
trap '"$engine" rm "$container" >/dev/null' EXIT
size=$("$engine" export "$container" | wc -c)
printf '%s: %d.%d MiB of %d\n' "$tag" $((size / 1048576)) $((size % 1048576 * 10 / 1048576)) $((maximum / 1048576))
if [ "$size" -gt "$maximum" ]; then
  echo "error: the image is larger than it may be" >&2
  exit 1
fi
