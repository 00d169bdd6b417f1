# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # shared with run.sh
# Engine, compose command and images of the container tests. Sourced by run.sh.

audience=4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2

# Sets `engine`, `compose`, `flags` and `build_flags`.
find_engine() {
  engine=${CONTAINER_ENGINE:-}
  local candidate
  for candidate in docker podman; do
    [ -n "$engine" ] || ! "$candidate" info >/dev/null 2>&1 || engine=$candidate
  done
  if [ -z "$engine" ]; then
    echo "skipped: neither docker nor podman answers" >&2
    exit 0
  fi
  read -ra flags <<<"${GATEHOUSE_TEST_FLAGS:-}"
  read -ra build_flags <<<"${GATEHOUSE_TEST_BUILD_FLAGS:-}"
  case "$("$engine" --version)" in podman*) build_flags+=(--format docker) ;; esac
  if [ -n "${COMPOSE:-}" ]; then
    read -ra compose <<<"$COMPOSE"
  elif "$engine" compose version >/dev/null 2>&1; then
    compose=("$engine" compose)
  elif command -v podman-compose >/dev/null; then
    compose=(podman-compose)
  else
    echo "skipped: no compose command; COMPOSE names one" >&2
    exit 0
  fi
  echo "engine: $("$engine" --version); compose: ${compose[*]}"
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

has_image() { "$engine" image inspect "$1" >/dev/null 2>&1; }

# base NAME FOLDER: the image of that name, or one that is made here for it. Prints which.
base() {
  if has_image "$1" || timeout 60 "$engine" pull -q "$1" >/dev/null 2>&1; then
    echo "$1"
    return
  fi
  local own=localhost/gatehouse-test-${2##*/}:latest
  echo "      $1 cannot be had: $own is made in its place" >&2
  has_image "$own" || build "$own" "$2" >&2
  echo "$own"
}

# build TAG FOLDER [ARGUMENT]…
build() {
  local tag=$1 folder=$2
  shift 2
  "$engine" build "${build_flags[@]}" --tag "$tag" "$@" "$folder" >"$work/build" 2>&1 || {
    tail -n 20 "$work/build" >&2
    return 1
  }
}

make_images() {
  image=gatehouse:test
  if [ -n "${GATEHOUSE_IMAGE:-}" ]; then
    "$engine" tag "$GATEHOUSE_IMAGE" "$image"
  elif [ -n "${GATEHOUSE_BINARY:-}" ]; then
    make_image_of "$GATEHOUSE_BINARY"
  else
    CONTAINER_ENGINE=$engine "$root/deploy/image.sh" "$image" "${build_flags[@]}"
  fi
  python_image=$(base docker.io/library/python:3.12-slim-bookworm "$here/stand-ins/python")
  postgres_image=$(base docker.io/library/postgres:17.6-bookworm "$here/stand-ins/postgres")
  peer_image=localhost/gatehouse-test-peer:latest
  build "$peer_image" "$here/peer" --build-arg "PYTHON_IMAGE=$python_image"
  server_image=localhost/gatehouse-test-server:latest
  build "$server_image" "$root/deploy/template/server" --build-arg "PYTHON_IMAGE=$python_image"
}

# The image as deploy/Dockerfile ends, around a binary that is there already.
make_image_of() {
  local place=$work/image
  as_root "$root/deploy/closure.sh" "$1" "$place/root"
  # An archive, which keeps the owners of what is in it.
  as_root tar --create --file="$place/root.tar" --directory="$place/root" .
  sed -n '/^FROM scratch/,$p' "$root/deploy/Dockerfile" | sed 's#^COPY --from=build /image /#ADD root.tar /#' >"$place/Dockerfile"
  "$engine" build "${build_flags[@]}" --tag "$image" "$place" >"$work/build" 2>&1 || {
    tail -n 20 "$work/build" >&2
    return 1
  }
  as_root rm -rf "$place"
}

# make_issuer FOLDER: keys of an issuer like Access and the certificate of its server.
make_issuer() {
  mkdir -p "$1"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer -addext subjectAltName=DNS:issuer \
    -keyout "$1/tls.key" -out "$1/ca.pem" 2>/dev/null
  openssl genrsa -out "$1/signing.key" 2048 2>/dev/null
  chmod 0644 "$1"/*
}
