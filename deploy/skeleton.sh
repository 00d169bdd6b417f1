#!/usr/bin/env bash
# Copies the shape of the package without its code: the manifest, and each target's folder with one empty source file. What SwiftPM
# builds of that are the dependencies, and nothing of it changes when only code does.
#
#   deploy/skeleton.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
to=$1

# Folders too, empty ones: the manifest names some as resources.
find Sources Tests -type d -exec mkdir -p "$to/{}" \;
for target in Sources/* Tests/* Tests/Benchmarks/*; do
  if [ -f "$target/module.modulemap" ]; then
    cp "$target"/* "$to/$target/"
  elif [ -d "$target" ]; then
    : >"$to/$target/Skeleton.swift"
  fi
done
# An executable is one by the name of a file.
while read -r main; do
  rm -f "$to/${main%/*}/Skeleton.swift"
  : >"$to/$main"
done < <(find Sources Tests -name main.swift)
cp Package.swift "$to/"
mkdir -p "$to/deploy"
cp deploy/build.sh "$to/deploy/"
# A builder may look at times, too.
find "$to" -exec touch --no-dereference --date=@0 {} +
