# shellcheck shell=bash
# shellcheck disable=SC2154  # deploy/release.sh sets what is used here
# The package for Debian 12. Sourced by deploy/release.sh.

# debian_package FILE
debian_package() {
  local root=$work/stage/debian size depends
  install -D -m 0755 "$binary" "$root/usr/bin/gatehouse"
  cp -r "$share" "$root/usr/share"
  # The package's user is there as long as the package is, so that other commands run as it: sudo -u gatehouse gatehouse token list.
  install -d "$root/lib/systemd/system"
  sed -e '/^#/d' -e 's#/usr/local/bin/#/usr/bin/#' -e 's/^DynamicUser=yes/User=gatehouse\nGroup=gatehouse/' -e '/^LoadCredential=/d' \
    "$source/deploy/gatehouse.service" >"$root/lib/systemd/system/gatehouse.service"
  install -d "$root/etc/gatehouse"
  install -m 0644 "$source/deploy/debian/gatehouse.yaml" "$root/etc/gatehouse/gatehouse.yaml"
  install -m 0600 "$source/deploy/debian/environment" "$root/etc/gatehouse/environment"

  # The versions of libraries that the binary needs, by the symbols that it uses.
  mkdir -p "$work/stage/shlibs/debian"
  printf 'Source: gatehouse\n\nPackage: gatehouse\nArchitecture: any\n' >"$work/stage/shlibs/debian/control"
  depends=$(cd "$work/stage/shlibs" && dpkg-shlibdeps -O "$binary" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
  size=$(du -sk --apparent-size "$root" | cut -f1)
  install -d "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: gatehouse
Version: $version
Section: net
Priority: optional
Architecture: $architecture
Maintainer: The Gatehouse operators <root@localhost>
Installed-Size: $size
Depends: adduser, ca-certificates, init-system-helpers, $depends
Description: authenticating reverse proxy between cloudflared and MCP servers
 Gatehouse verifies who calls by Cloudflare Access, decides what they may do, puts
 the upstream's token in, and records each call in an audit that can be verified.
 .
 Built from revision $revision.
CONTROL
  printf '/etc/gatehouse/environment\n/etc/gatehouse/gatehouse.yaml\n' >"$root/DEBIAN/conffiles"
  install -m 0755 "$source/deploy/debian/postinst" "$source/deploy/debian/prerm" "$source/deploy/debian/postrm" "$root/DEBIAN/"
  (cd "$root" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  # dpkg-deb takes the times from SOURCE_DATE_EPOCH, where they are later.
  find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$root" "$1" >/dev/null
}
