#!/usr/bin/env bash
# Makes a release as deploy/release.sh does and tries what it made: the sums, the SBOM by CycloneDX's own schema, the archive of the image, the tarball, and
# the package in a Debian 12 of its own: installed, upgraded from an older one, run, removed and purged.
#
#   Tests/Release/run.sh [--twice]   --twice: builds all of it a second time, from nothing, and compares the bytes
#
# A system in a folder has no systemd: the service's command lines, variables, user and folders are taken from the unit and started by start-stop-daemon,
# without capabilities, as systemd would. Needs root, for a chroot. GATEHOUSE_BINARY is handed on.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
# shellcheck source=deploy/python.sh
. deploy/python.sh
if [ "$(id -u)" -ne 0 ]; then
  echo "skipped: a chroot needs root" >&2
  exit 0
fi
install_packages debootstrap python3-venv skopeo

version=$(sed -n 's/.*static let number = "\([^"]*\)".*/\1/p' Sources/GatehouseCommands/Version.swift)
architecture=$(dpkg --print-architecture)
release=.build/release-$version
work=$(mktemp -d /tmp/gatehouse-release.XXXXXX)
debian=$work/debian
failures=0
cleanup() {
  inside start-stop-daemon --stop --quiet --oknodo --retry 5 --pidfile /run/gatehouse.pid >/dev/null 2>&1 || true
  umount -q "$debian/proc" "$work/rootfs/proc" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
# check WORDS COMMAND…: one thing that has to hold.
check() {
  local words=$1
  shift
  if "$@" >"$work/last" 2>&1; then
    echo "ok    $words"
  else
    echo "FAIL  $words"
    tail -n 15 "$work/last" | cut -c1-300 | sed 's/^/      /'
    failures=$((failures + 1))
  fi
}
not() { ! "$@"; }
exits() { local wanted=$1 && shift && { "$@" || [ $? -eq "$wanted" ]; } && ! "$@"; }
inside() { chroot "$debian" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

say "the release"
check "a version unlike the sources' is refused" exits 64 deploy/release.sh 9.9.9
deploy/release.sh "$version"
if [ "${1:-}" = --twice ]; then
  cp "$release/SHA256SUMS" "$work/once"
  rm -rf .build/release-work
  deploy/release.sh "$version" >/dev/null
  check "the same commit gives the same bytes" cmp "$work/once" "$release/SHA256SUMS"
fi
check "the sums are those of the files" sh -c "cd '$release' && sha256sum --check --strict SHA256SUMS"

say "the SBOM"
python_environment cyclonedx-python-lib-11.12.0 'cyclonedx-python-lib[validation]==11.12.0'
check "it is CycloneDX 1.5 by its own schema" "$python" "$here/sbom.py" "$release/gatehouse-$version.cdx.json"

say "the image"
check "the archive is one that others read" skopeo inspect "oci-archive:$release/gatehouse-$version-oci-$architecture.tar"
cp "$work/last" "$work/labels"
check "labels say the revision" grep -q "\"org.opencontainers.image.revision\": \"$(git rev-parse HEAD)\"" "$work/labels"
check "and the version" grep -q "\"org.opencontainers.image.version\": \"$version\"" "$work/labels"
skopeo copy --quiet "oci-archive:$release/gatehouse-$version-oci-$architecture.tar" "dir:$work/image"
mkdir "$work/rootfs"
find "$work/image" -type f -size +1M -exec tar -xzf {} -C "$work/rootfs" \;
# Where every container has it: the program reads its arguments there.
mkdir "$work/rootfs/proc"
mount -t proc proc "$work/rootfs/proc"
check "its program runs with nothing but its own files" chroot --userspec=65532:65532 "$work/rootfs" /usr/bin/gatehouse --version

say "the tarball"
tar -xzf "$release/gatehouse-$version-linux-$architecture.tar.gz" -C "$work"
check "its program runs with its own libraries" "$work/gatehouse-$version-linux-$architecture/bin/gatehouse" --version
check "which are found from where it lies" sh -c "ldd '$work/gatehouse-$version-linux-$architecture/bin/gatehouse' | grep -q '$work.*libcurl'"

say "the package, in a Debian of its own"
cached=$root/.build/release-debian
if [ ! -d "$cached/usr" ]; then
  debootstrap --variant=minbase bookworm "$cached" >"$work/bootstrap" || { tail -5 "$work/bootstrap" && exit 1; }
fi
cp -a "$cached" "$debian"
# Packages come from where this machine gets them.
rm -f "$debian/etc/apt/sources.list"
cp -a /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d "$debian/etc/apt/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$debian/etc/" 2>/dev/null || true
mount -t proc proc "$debian/proc"
inside apt-get update -qq >/dev/null

# The version before, as far as packaging goes: another number, and another example of the configuration.
new=gatehouse_${version}_$architecture.deb
cp "$release/$new" "$debian/root/"
dpkg-deb --raw-extract "$release/$new" "$work/older"
sed -i 's/^Version: .*/Version: 0.0.9/' "$work/older/DEBIAN/control"
echo '# older' >>"$work/older/etc/gatehouse/gatehouse.yaml"
dpkg-deb --root-owner-group --build "$work/older" "$debian/root/older.deb" >/dev/null

check "it is installed, with what it depends on" inside apt-get install -y -qq --no-install-recommends /root/older.deb
check "its user is there" inside id gatehouse
check "its key is root's, for its group alone" sh -c "[ \"\$(chroot '$debian' stat -c '%U:%G %a' /etc/gatehouse/gatehouse_key)\" = 'root:gatehouse 440' ]"
check "its folder is its user's" sh -c "[ \"\$(chroot '$debian' stat -c '%U %a' /var/lib/gatehouse)\" = 'gatehouse 700' ]"
check "variables are root's" sh -c "[ \"\$(chroot '$debian' stat -c '%U %a' /etc/gatehouse/environment)\" = 'root 600' ]"
for file in /usr/share/man/man1/gatehouse.1.gz /usr/share/bash-completion/completions/gatehouse /lib/systemd/system/gatehouse.service; do
  check "$file is there" test -s "$debian$file"
done
check "conffiles are known as such" sh -c "chroot '$debian' dpkg-query -W -f '\${Conffiles}' gatehouse | grep -c /etc/gatehouse | grep -q 2"

# What an operator does: the configuration, a token, the service.
sed -i 's/team: example/team: gatehouse-test/' "$debian/etc/gatehouse/gatehouse.yaml"
unit() { sed -n "s/^$1=//p" "$debian/lib/systemd/system/gatehouse.service"; }
as_service() {
  inside install -d -m 0750 -o gatehouse -g gatehouse /run/gatehouse
  inside env "$(unit Environment)" setpriv --reuid="$(unit User)" --regid="$(unit Group)" --init-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- "$@"
}
start() {
  local command
  read -ra command <<<"$(unit ExecStartPre)"
  as_service "${command[@]}" || return 1
  read -ra command <<<"$(unit ExecStart)"
  inside env "$(unit Environment)" start-stop-daemon --start --background --make-pidfile --pidfile /run/gatehouse.pid \
    --output /var/log/gatehouse.log --exec /usr/bin/setpriv -- --reuid="$(unit User)" --regid="$(unit Group)" --init-groups \
    --no-new-privs --bounding-set=-all --inh-caps=-all -- "${command[@]}"
}
stop() { inside start-stop-daemon --stop --quiet --retry 40 --pidfile /run/gatehouse.pid; }
says() { as_service gatehouse status --json | grep -q "\"version\":\"$1"; }
check "a token is set" sh -c "echo secret-of-coda | chroot '$debian' setpriv --reuid=gatehouse --regid=gatehouse --init-groups env GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml gatehouse token set coda"
check "the service starts as the unit says" start
check "and answers" within 20 says "$version"
runs_as_user() { [ "$(stat -c %u "/proc/$(cat "$debian/run/gatehouse.pid")")" = "$(inside id -u gatehouse)" ]; }
check "it runs as its user" runs_as_user
check "and ends" stop

key=$(sha256sum <"$debian/etc/gatehouse/gatehouse_key")
check "it is upgraded" inside apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "/root/$new"
check "to the new version" sh -c "chroot '$debian' dpkg-query -W -f '\${Version}' gatehouse | grep -qx '$version'"
check "the operator's configuration stays" grep -q 'team: gatehouse-test' "$debian/etc/gatehouse/gatehouse.yaml"
check "the key stays" test "$key" = "$(sha256sum <"$debian/etc/gatehouse/gatehouse_key")"
check "it starts again" start
check "with its tokens" sh -c "chroot '$debian' setpriv --reuid=gatehouse --regid=gatehouse --init-groups env GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml gatehouse token list | grep -q coda"
check "and answers" within 20 says "$version"
check "and ends once more" stop

check "it is removed" inside apt-get remove -y -qq gatehouse
check "the program is gone" not test -e "$debian/usr/bin/gatehouse"
check "the configuration stays" test -e "$debian/etc/gatehouse/gatehouse.yaml"
check "it is purged" inside apt-get purge -y -qq gatehouse
cp "$work/last" "$work/purge"
check "the configuration is gone" not test -e "$debian/etc/gatehouse/gatehouse.yaml"
check "key, audit and tokens stay, and that is said" grep -q gatehouse_key "$work/purge"
check "the key is there" test -s "$debian/etc/gatehouse/gatehouse_key"

echo
[ "$failures" -eq 0 ] || { echo "$failures failed" && exit 1; }
echo "all well"
