# shellcheck shell=bash
# shellcheck disable=SC2154  # deploy/release.sh sets what is used here
# The tarball for other distributions: the binary with the libraries that it was built with, so that of the machine it needs glibc 2.36 or later and
# nothing else. Sourced by deploy/release.sh.

# tarball FILE
tarball() {
  local name=gatehouse-$version-linux-$architecture
  local root=$work/stage/tarball/$name library
  install -D -m 0755 "$binary" "$root/bin/gatehouse"
  install -d "$root/lib/gatehouse"
  while read -r library; do
    # The parts of glibc belong to the machine's own loader.
    case ${library##*/} in
    ld-linux* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | libresolv.so.* | librt.so.*) continue ;;
    esac
    install -m 0644 "$(realpath "$library")" "$root/lib/gatehouse/${library##*/}"
  done < <(ldd "$binary" | grep -oE '/[^ ]+')
  # The old kind of tag, which holds for the libraries of libraries, too.
  # shellcheck disable=SC2016  # the loader reads it
  patchelf --force-rpath --set-rpath '$ORIGIN/../lib/gatehouse' "$root/bin/gatehouse"
  cp -r "$share" "$root/share"
  install -D -m 0644 "$source/deploy/gatehouse.service" "$root/lib/systemd/system/gatehouse.service"
  packed "$work/stage/tarball" | gzip -9n >"$1"
}
