#!/usr/bin/env bash
# Builds the release binary and prints its path on stdout. The demo, the container image and the benchmark all run
# what this script builds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Exclusivity is checked when compiling and, in debug builds, when running; the check at run time costs the hot path.
options=(-c release --product gatehouse --static-swift-stdlib -Xswiftc -use-ld=lld -Xswiftc -enforce-exclusivity=unchecked)
# Nothing is loaded into this program, so it exports nothing; what nobody calls is left out, what is the same is kept once:
# 4 MB of 33.
for option in --no-export-dynamic --gc-sections --icf=safe --pack-dyn-relocs=relr; do
  options+=(-Xlinker "$option")
done
swift build "${options[@]}" -j "$(nproc)" </dev/null >&2
folder=$(swift build "${options[@]}" --show-bin-path)
# Into a copy: SwiftPM would link again what has changed under its hands.
mkdir -p "$folder/stripped"
strip -o "$folder/stripped/gatehouse.new" "$folder/gatehouse"
mv "$folder/stripped/gatehouse.new" "$folder/stripped/gatehouse"
echo "$folder/stripped/gatehouse"
