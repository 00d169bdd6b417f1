#!/usr/bin/env bash
# Copies a binary and every shared library that it loads into a folder that can be the whole root of an image.
#
#   deploy/closure.sh BINARY FOLDER
set -euo pipefail
binary=$1 root=$2
install -D -m 0755 "$binary" "$root/usr/bin/gatehouse"
# "libx.so.1 => /lib/libx.so.1 (0x…)" and the loader, which stands alone; each copied as the file it leads to, under the name that is
# asked for.
while read -r library; do
  install -D -m 0755 "$(realpath "$library")" "$root$library"
done < <(ldd "$binary" | grep -oE '/[^ ]+')
# Certificate authorities for the certs URL and for upstreams; OpenSSL and NIOSSL look here.
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/etc/gatehouse" "$root/tmp"
echo 'gatehouse:x:65532:65532:gatehouse:/var/lib/gatehouse:/nonexistent' >"$root/etc/passwd"
echo 'gatehouse:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
# The folders that the process may write: the spool, an embedded database, the sockets. Volumes take over owner and mode.
install -d -m 0700 -o 65532 -g 65532 "$root/var/lib/gatehouse" "$root/run/gatehouse"
chmod 1777 "$root/tmp"
