#!/usr/bin/env bash
# Runs the official Python SDKs' own tests of HTTP, as their sdists from PyPI have them, without and through Gatehouse, and says what differs.
# Every difference has its reason in differences-VERSION.txt.
#
#   Tests/Interoperation/sdk-tests.sh [1.30.0] [2.3.0]
#
# Takes three to eight minutes a version. GATEHOUSE_BINARY names another binary than the debug build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/python.sh
. deploy/python.sh
here=$PWD/Tests/Interoperation
binary=${GATEHOUSE_BINARY:-$PWD/.build/debug/gatehouse}
[ -x "$binary" ] || swift build </dev/null
[ $# -gt 0 ] || set -- 1.30.0 2.3.0

tools=(pytest pytest-timeout pytest-xdist trio dirty-equals inline-snapshot requests)
# tests VERSION: sets `tests` and `needs`.
tests() {
  needs=("${tools[@]}")
  tests=(tests/client/test_http_unicode.py tests/server/test_streamable_http_security.py tests/server/test_sse_security.py
    tests/shared/test_streamable_http.py tests/shared/test_sse.py)
  case "$1" in
  1.*)
    needs+=("mcp[cli,ws]==$1")
    tests+=(tests/client/test_notification_response.py tests/server/fastmcp/test_integration.py)
    ;;
  2.*)
    needs+=("mcp[cli]==$1" uvicorn blockbuster logfire pytest-examples)
    # The gate stands in the place of OAuth between client and server: it takes `Authorization` and `.well-known` for itself. The bridge that these
    # tests are about is what the plugin replaces, and standard input and output are none of its business.
    tests+=(tests/server/test_streamable_http_modern.py tests/interaction --ignore=tests/interaction/auth
      --ignore=tests/interaction/transports/test_bridge.py --ignore=tests/interaction/transports/test_stdio.py)
    ;;
  *)
    echo "error: which tests speak HTTP is known of 1.30.0 and 2.3.0" >&2
    exit 64
    ;;
  esac
}

# run NAME FOLDER: runs the tests in the source, and leaves NAME.xml and NAME.log.
run() {
  rm -f "$2/$1.xml"
  (
    cd "$source"
    export PYTHONPATH=$here:$PWD LOGFIRE_DISTRIBUTED_TRACING=true
    "$python" -m pytest -p through_gatehouse -q --color=no -n0 -p no:cacheprovider --timeout 30 \
      -W ignore::ResourceWarning -W ignore::pytest.PytestUnraisableExceptionWarning -W ignore::DeprecationWarning:uvicorn \
      --junitxml="$2/$1.xml" "${tests[@]}" >"$2/$1.log" 2>&1 </dev/null
  ) || [ -s "$2/$1.xml" ] || {
    tail -20 "$2/$1.log" >&2
    return 1
  }
}

failed=0
for version in "$@"; do
  tests "$version"
  python_environment "sdk-tests-$version" "${needs[@]}"
  folder=$PWD/.build/sdk-tests/$version
  source=$folder/mcp-$version
  if [ ! -d "$source/tests" ]; then
    mkdir -p "$folder"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary mcp -d "$folder" "mcp==$version" </dev/null
    tar -xzf "$folder/mcp-$version.tar.gz" -C "$folder"
  fi
  rm -rf "$folder/gate"
  mkdir -p "$folder/gate"
  echo "mcp $version"
  GATEHOUSE_BINARY='' run direct "$folder"
  GATEHOUSE_BINARY=$binary GATEHOUSE_SDK_FOLDER=$folder/gate run gate "$folder"
  "$python" "$here/compare.py" "$folder/direct.xml" "$folder/gate.xml" "$here/differences-$version.txt" || failed=1
done
exit "$failed"
