# What is different about a run of the tests under $sanitizer, sourced by deploy/test.sh before it builds.

reports=$PWD/.build/$sanitizer/reports
rm -rf "$reports"
# Some tests start the product as another user.
mkdir -p -m 1777 "$reports"
linked=(options)
[ "$sanitizer" = address ] || linked+=(runtime)
built=(--sanitize "$sanitizer" --scratch-path ".build/$sanitizer")
for name in "${linked[@]}"; do
  # SwiftPM links anew when the arguments are others, and does not look into this file.
  object=$PWD/.build/$sanitizer/$name-$(cksum <"Tests/Sanitizers/$name.c" | tr ' ' -).o
  clang -c -fPIC -O1 -DREPORTS="\"$reports/found\"" -o "$object" "Tests/Sanitizers/$name.c"
  built+=(-Xlinker "$object")
done

# A process is several times slower and larger under a sanitizer.
export GATEHOUSE_TEST_PATIENCE=${GATEHOUSE_TEST_PATIENCE:-150}
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4

# What cannot run:
unfit=(
  # The sanitizer's allocator keeps freed memory, and its shadow is terabytes of what the process may write to.
  SecretMemoryTests
  SecretResidueTests
  # They compare the libraries and the size of the product as it ships.
  LinkageTests
)

# Prints what was found in any process; false when there is something.
sanitizer_found_nothing() {
  [ -n "$(find "$reports" -type f -size +0)" ] || return 0
  echo "found by the sanitizer, in $reports:" >&2
  # A report says the same of each process that comes to it.
  grep -ahE '^SUMMARY' -r "$reports" | sort | uniq -c | sort -rn >&2
  return 1
}
