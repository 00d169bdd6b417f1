#!/usr/bin/env bash
# Builds the release binary and prints its path on stdout. The demo, the container image and the benchmark all run
# what this script builds.
#
#   deploy/build.sh [PRODUCT]   gatehouse unless said; a micro-benchmark is built like it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

product=${1:-gatehouse}
# Exclusivity is checked when compiling and, in debug builds, when running; the check at run time costs the hot path.
options=(-c release --product "$product" --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked)
# lld, because it packs relocations.
options+=(-Xswiftc -use-ld=lld)
# Nothing is loaded into this program, so it exports nothing; what nobody calls is left out, what is the same is kept once:
# 4 MB of 33. Packed relocations (DT_RELR, glibc 2.36) save 1.7 MB more.
for option in --no-export-dynamic --gc-sections --icf=safe -z pack-relative-relocs; do
  options+=(-Xlinker "$option")
done
# The folder in which it is built leaves no trace in it, so that the same sources give the same bytes elsewhere. Below, two more go that only
# builds read: the compiler's hash of each module with the options that it was compiled with, and the linker's of the whole with what is stripped.
options+=(-Xcc "-ffile-prefix-map=$PWD=." -Xswiftc -file-prefix-map -Xswiftc "$PWD=.")
swift build "${options[@]}" -j "$(nproc)" </dev/null >&2
folder=$(swift build "${options[@]}" --show-bin-path)
# Into a copy: SwiftPM would link again what has changed under its hands.
mkdir -p "$folder/stripped"
strip -R .swift_modhash -R .note.gnu.build-id -o "$folder/stripped/$product.new" "$folder/$product"
mv "$folder/stripped/$product.new" "$folder/stripped/$product"
echo "$folder/stripped/$product"
