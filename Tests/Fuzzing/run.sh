#!/usr/bin/env bash
# Looks for inputs that no test has thought of: libFuzzer over the targets in Tests/Fuzzing/Targets, led by the edges that a run passes in the modules
# of the project. Builds them once, counting edges, under .build/fuzzing.
#
#   Tests/Fuzzing/run.sh [TARGET…] [--seconds N]   each target for N seconds, 60 unless said; 0 only counts what the corpus passes
#
# What passes an edge that nothing before it passed is kept in Tests/Fuzzing/Corpus, as few inputs as do; what fails is kept there as `case-…`. Either is
# run again by CorpusTests, in every run of the tests. Prints a row for each target, and ends with 1 where one failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=60
targets=()
while [ $# -gt 0 ]; do
  case $1 in
  --seconds)
    seconds=$2
    shift
    ;;
  -*)
    echo "usage: Tests/Fuzzing/run.sh [TARGET…] [--seconds N]" >&2
    exit 64
    ;;
  *) targets+=("$1") ;;
  esac
  shift
done

library=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")/lib/clang
library=$(echo "$library"/*/lib/linux)
options=(-c release --product Fuzzing --scratch-path .build/fuzzing -Xswiftc -g -Xswiftc -enable-testing)
# libFuzzer without its main; of the other one the names of the functions that were passed.
options+=(-Xlinker "$library/libclang_rt.fuzzer_no_main-x86_64.a" -Xlinker --whole-archive)
options+=(-Xlinker "$library/libclang_rt.ubsan_standalone-x86_64.a" -Xlinker --no-whole-archive)
options+=(-Xlinker -lstdc++ -Xlinker -lm)
export GATEHOUSE_FUZZING=1
swift build "${options[@]}" -j "$(nproc)" </dev/null >&2
program=$(swift build "${options[@]}" --show-bin-path)/Fuzzing

# The fuzzer itself is to see a trap.
export SWIFT_BACKTRACE=enable=no
if [ ${#targets[@]} = 0 ]; then mapfile -t targets < <("$program" || true); fi

# The sources that a target is about: their edges are those that it could pass.
about() {
  case $1 in
  request) echo 'GatehouseProxy/Codec/(Request|Authority|Body|Byte|Chunk|Field|Framing|Head|Known|Message|Override|Strip|Trailer)' ;;
  response) echo 'GatehouseProxy/Codec/(Response|Body|Byte|Chunk|Field|Framing|Head|Known|Message|Status|Trailer)' ;;
  chunks) echo 'GatehouseProxy/Codec/(Body|Chunk|Trailer)' ;;
  exchange) echo 'GatehouseProxy/Exchange/ExchangeMachine' ;;
  assertion) echo 'AccessIdentity/(Assertion|JWK|SigningKeys[+.]|WeakKeys|VerdictCache|TokenDigest|LastDigest|VerifiedAssertion)' ;;
  rpc) echo 'GatehouseMCP/RPC|GatehouseCore/JSON/JSON(Scanner|String|Number)' ;;
  lists) echo 'GatehouseMCP/(Answer|Entry|EventLines)' ;;
  tags) echo 'GatehouseMCP/(Answer|Owned/|EventLines)' ;;
  events) echo 'GatehouseMCP/(EventLines|EventBoundary)' ;;
  yaml) echo 'YAMLReader/' ;;
  sealed) echo 'GatehouseTokens/Sealed/(TokenSealer|SealedValue|Attestation|Framing)|GatehouseTokens/Renewal/TokenGrant' ;;
  spool) echo 'GatehouseAudit/(Spool/(Ring|Segment|SpoolRecord)|Event/EventDecoder)' ;;
  oauth) echo 'GatehouseTokens/(Renewal/(TokenAnswer|TokenGrant|AccountName)|Connect/(AuthorizationAnswer|AuthorizationServer|ClientRegistration))|GatehouseCore/(WebURL|FormFields|JSON/JSONValue)' ;;
  pins) echo 'GatehouseCore/(Pins/(PinBook|RoutePins|ToolName|ToolDigest|SeenTools)|JSON/CanonicalJSON)|GatehouseMCP/Pins/' ;;
  reflection) echo 'GatehouseProxy/Guard/' ;;
  *)
    echo "no target is named $1" >&2
    exit 64
    ;;
  esac
}

# The edges that a corpus passes, of all that the sources have.
edges() {
  "$program" -runs=0 -print_coverage=1 -artifact_prefix=.build/fuzzing/run/ "$2" 2>&1 | awk -v about="/Sources/($(about "$1"))" '
    /COVERED_FUNC/ && $0 ~ about { split($5, part, "/"); passed += part[1]; all += part[2] }
    END { printf "%d of %d", passed, all }'
}

failed=0
printf '%-11s %12s %8s  %-15s %7s %6s\n' target runs exec/s edges inputs found
for target in "${targets[@]}"; do
  about "$target" >/dev/null
  export GATEHOUSE_FUZZ_TARGET=$target
  kept=Tests/Fuzzing/Corpus/$target
  place=.build/fuzzing/run/$target
  mkdir -p "$kept" "$place/new" "$place/found"
  runs=0 rate=0 found=0
  if [ "$seconds" != 0 ]; then
    "$program" -max_total_time="$seconds" -max_len=2048 -timeout=10 -print_final_stats=1 \
      -artifact_prefix="$place/found/" "$place/new" "$kept" >"$place/log" 2>&1 || true
    runs=$(awk '/^#[0-9]+/ { runs = substr($1, 2) } END { print runs + 0 }' "$place/log")
    rate=$(awk '/stat::average_exec_per_sec/ { rate = $2 } END { print rate + 0 }' "$place/log")
    for case in "$place"/found/*; do
      [ -f "$case" ] || continue
      found=$((found + 1))
      name=$(sha256sum "$case" | cut -c1-12)
      mv "$case" "$kept/case-$name"
      echo "$target: $kept/case-$name: $(grep -a '^finding: ' "$place/log" | tr -d '\0' | cut -c1-600 || echo "see $place/log")" >&2
      failed=1
    done
    rm -rf "$place/merged"
    mkdir "$place/merged"
    # Inputs that fail would end it; they stay as they are.
    if [ "$found" = 0 ]; then
      "$program" -set_cover_merge=1 -use_counters=0 -artifact_prefix="$place/found/" -max_len=2048 "$place/merged" "$kept" "$place/new" >"$place/merge.log" 2>&1
      find "$kept" -type f ! -name 'case-*' -delete
      for input in "$place"/merged/*; do mv "$input" "$kept/$(basename "$input" | cut -c1-12)"; done
    fi
  fi
  printf '%-11s %12s %8s  %-15s %7s %6s\n' "$target" "$runs" "$rate" "$(edges "$target" "$kept")" \
    "$(find "$kept" -type f | wc -l)" "$found"
done
exit "$failed"
