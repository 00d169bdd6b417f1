# shellcheck shell=bash
# Installs Debian packages that are not there yet. Sourced by demo.sh and test.sh.

# The packages that the product needs to compile and link.
# shellcheck disable=SC2034  # used where this file is sourced
build_packages=(
  libcurl4-openssl-dev libpq-dev libsqlite3-dev libssl-dev libyaml-dev pkg-config
)

# What the tests need besides.
# shellcheck disable=SC2034
test_packages=(postgresql pgbouncer python3-venv chromium apache2-bin nginx caddy prometheus fish zsh)

# What a release needs besides.
# shellcheck disable=SC2034
release_packages=(adduser ca-certificates dpkg-dev fakeroot git patchelf python3)

# install_packages NAME…: does nothing, and needs no network, when all are present.
install_packages() {
  local name missing=()
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}" >&2
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    </dev/null >&2
}

need_swift() {
  command -v swift >/dev/null && return
  echo "error: swift is not in the PATH" >&2
  echo "hint: install Swift 6.3 or later, see https://www.swift.org/install/linux/" >&2
  exit 1
}
