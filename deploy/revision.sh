#!/usr/bin/env bash
# Writes a revision into a copy of the sources, so that the binary built there says it by --version. Never run in a working tree.
#
#   deploy/revision.sh REVISION [FOLDER]      FOLDER: the copy, the present folder unless said
set -euo pipefail
revision=$1
file=${2:-.}/Sources/GatehouseCommands/Version.swift
# Built of a folder that knows no commit.
[ "$revision" != unknown ] || exit 0
if ! [[ $revision =~ ^[0-9a-zA-Z.-]+$ ]]; then
  echo "error: '$revision' is no revision" >&2
  exit 64
fi
# Twelve digits tell commits apart.
sed -i "s/static let revision = \"[^\"]*\"/static let revision = \"${revision:0:12}\"/" "$file"
grep -q "revision = \"${revision:0:12}\"" "$file"
