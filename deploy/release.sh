#!/usr/bin/env bash
# Makes a release of the commit that is checked out: a package for Debian 12, a tarball, an OCI archive of the image, an SBOM and their sums, in
# .build/release-VERSION. The same commit and the same Package.resolved give the same bytes.
#
#   deploy/release.sh VERSION        refused when the sources have another version, or when something is not committed
#
#   GATEHOUSE_BINARY                 a binary to pack, instead of building it: for work on the packing alone
#
# To be run on Debian 12: the libraries of this machine are those of the image and of the tarball.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$deploy/.."
# shellcheck source=deploy/packages.sh
. "$deploy/packages.sh"

fail() {
  echo "error: $1" >&2
  [ $# -lt 2 ] || echo "hint: $2" >&2
  exit 64
}

[ $# -eq 1 ] || fail "deploy/release.sh VERSION"
version=$1
source_version=$(sed -n 's/.*static let number = "\([^"]*\)".*/\1/p' Sources/GatehouseCommands/Version.swift)
[ "$version" = "$source_version" ] ||
  fail "the sources are version $source_version, not $version" "Sources/GatehouseCommands/Version.swift holds it"
[ -z "$(git status --porcelain)" ] || fail "something is not committed, and a release is made of a commit" "git status"
# Times of other zones, orders of other languages and masks of other users would be other bytes.
export LC_ALL=C TZ=UTC
umask 022
revision=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
architecture=$(dpkg --print-architecture)

need_swift
install_packages "${build_packages[@]}" "${release_packages[@]}"
# Files of the image and of the package belong to others than who makes them.
[ "$(id -u)" -eq 0 ] || [ -n "${FAKEROOTKEY:-}" ] || exec fakeroot -- "$deploy/release.sh" "$version"

release=.build/release-$version
work=$PWD/.build/release-work
rm -rf "$release" "$work/stage"
mkdir -p "$release" "$work/stage"
release=$(cd "$release" && pwd)

# The commit, and nothing that lies beside it. Its build stays, so that the next one is shorter.
source=$work/source
mkdir -p "$source"
find "$source" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
git archive HEAD | tar -x -C "$source"
[ ! -f Package.resolved ] || cp Package.resolved "$source/"
"$source/deploy/revision.sh" "$revision" "$source"
binary=${GATEHOUSE_BINARY:-}
[ -n "$binary" ] || binary=$("$source/deploy/build.sh")
said=$("$binary" --version)
[ "$said" = "$version (${revision:0:12})" ] || [ -n "${GATEHOUSE_BINARY:-}" ] || fail "the binary says $said"

# packed FOLDER: its files as a tar on standard output, whatever order and times they have.
packed() {
  tar --create --directory "$1" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime \
    --owner=0 --group=0 --numeric-owner .
}

# What every kind of package has: man page, completions, example, documents.
share=$work/stage/share
install -d "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" \
  "$share/fish/vendor_completions.d" "$share/doc/gatehouse"
"$binary" manual | gzip -9n >"$share/man/man1/gatehouse.1.gz"
"$binary" --generate-completion-script bash >"$share/bash-completion/completions/gatehouse"
"$binary" --generate-completion-script zsh >"$share/zsh/vendor-completions/_gatehouse"
"$binary" --generate-completion-script fish >"$share/fish/vendor_completions.d/gatehouse.fish"
cp "$source"/docs/*.md "$source/README.md" "$share/doc/gatehouse/"
cp -r "$source/config" "$share/doc/gatehouse/examples"
cp -r "$source/deploy/monitoring" "$share/doc/gatehouse/monitoring"

# shellcheck source=deploy/release/debian.sh
. "$deploy/release/debian.sh"
# shellcheck source=deploy/release/tarball.sh
. "$deploy/release/tarball.sh"
debian_package "$release/gatehouse_${version}_$architecture.deb"
tarball "$release/gatehouse-$version-linux-$architecture.tar.gz"

"$deploy/closure.sh" "$binary" "$work/stage/image"
python3 "$deploy/release/oci.py" "$source/deploy/Dockerfile" "$work/stage/image" \
  "$release/gatehouse-$version-oci-$architecture.tar" "VERSION=$version" "REVISION=$revision" \
  "CREATED=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
python3 "$deploy/release/sbom.py" "$source" "$binary" "$version" "$revision" >"$release/gatehouse-$version.cdx.json"
(cd "$release" && sha256sum -- gatehouse* >SHA256SUMS)
cat "$release/SHA256SUMS"
