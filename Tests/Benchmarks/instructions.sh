#!/usr/bin/env bash
# Counts the instructions that small pieces of the hot path take and holds them to instructions.txt: more than 5 % above it fails.
#
#   Tests/Benchmarks/instructions.sh            builds, counts and compares
#   Tests/Benchmarks/instructions.sh --update   writes instructions.txt anew
#
# A piece is repeated 200 and 1200 times under callgrind; a thousandth of the difference is what one repetition costs, and the start
# of the program costs nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

baseline=Tests/Benchmarks/instructions.txt
few=200
many=1200

case "${1:-}" in
'' | --update) ;;
*)
  echo "error: --update, or nothing" >&2
  exit 64
  ;;
esac
if [ "$(uname -m)" != x86_64 ]; then
  echo "the counts of $baseline are those of x86_64: nothing is compared on $(uname -m)" >&2
  exit 0
fi
need_swift
install_packages "${build_packages[@]}" valgrind
program=$(deploy/build.sh GatehouseMicroBenchmark)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Valgrind shows a program the vector instructions of the processor under it, and the C library and BoringSSL choose their routines by
# them: here both are told to use none that only some processors have. Hashing without seeds, no environment but this.
count() {
  env -i TMPDIR="$place" LC_ALL=C SWIFT_DETERMINISTIC_HASHING=1 \
    GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-BMI2,-BMI1,-LZCNT,-ERMS,-FSRM,-RTM,-MOVBE \
    OPENSSL_ia32cap=0x0:0x0 \
    "$(command -v valgrind)" --tool=callgrind --callgrind-out-file="$place/$1.$2" "$program" "$1" "$2" \
    >"$place/$1.$2.said" 2>&1 || {
    cat "$place/$1.$2.said" >&2
    return 1
  }
  sed -n -E 's/^(summary|totals): ([0-9]+).*/\2/p' "$place/$1.$2" | tail -n 1
}

# One line of the result; each case by itself, as many at once as there are cores.
measure() {
  local low high
  low=$(count "$1" "$few")
  high=$(count "$1" "$many")
  echo "$1 $(((high - low) / (many - few)))" >"$place/$1.result"
}

cases=$("$program")
running=0
for name in $cases; do
  measure "$name" &
  running=$((running + 1))
  if [ "$running" -ge "$(nproc)" ]; then
    wait -n
    running=$((running - 1))
  fi
done
for ((; running > 0; running--)); do wait -n; done

{
  echo "# Instructions of one repetition (x86_64), by instructions.sh --update with:"
  echo "# $(swift --version 2>/dev/null | sed -n 's/.*\(Swift version [0-9.]*\).*/\1/p' | head -n 1), $(valgrind --version)"
  for name in $cases; do cat "$place/$name.result"; done
} >"$place/now"

if [ "${1:-}" = --update ]; then
  cp "$place/now" "$baseline"
  cat "$baseline"
  exit 0
fi

awk -v baseline="$baseline" '
  /^#/ { line[FILENAME] = $0; next }
  FILENAME == baseline { was[$1] = $2; next }
  {
    is = $2
    if (!($1 in was)) {
      printf "%-18s %8d  error: not in %s; add it with --update\n", $1, is, baseline
      failed = 1
      next
    }
    change = 100 * (is - was[$1]) / was[$1]
    verdict = ""
    if (is > was[$1] * 1.05) { verdict = "  error: more than 5 % above the baseline"; failed = 1 }
    else if (is < was[$1] * 0.95) { verdict = "  cheaper: lower the baseline with --update" }
    printf "%-18s was %8d  is %8d  %+6.1f %%%s\n", $1, was[$1], is, change, verdict
    delete was[$1]
  }
  END {
    for (name in was) { printf "%-18s error: is counted no more; remove it with --update\n", name; failed = 1 }
    if (failed && line[baseline] != line[FILENAME])
      printf "hint: the baseline was counted with %s, this with %s\n", substr(line[baseline], 3), substr(line[FILENAME], 3)
    exit failed
  }
' "$baseline" "$place/now"
