# shellcheck shell=bash
# Python environments with the official MCP SDK, kept under .build. Sourced by test.sh.

# python_environment VERSION: sets `python` to an interpreter that has this version of the SDK.
python_environment() {
  local environment=$PWD/.build/python/mcp-$1
  # shellcheck disable=SC2034  # read by the caller
  python=$environment/bin/python
  # Written last: an environment that was interrupted half-way is made again.
  [ ! -f "$environment/complete" ] || return 0
  rm -rf "$environment"
  # Debian's own interpreter: another one in the PATH may come without venv.
  /usr/bin/python3 -m venv "$environment" </dev/null
  "$environment/bin/pip" install --quiet --disable-pip-version-check "mcp==$1" uvicorn </dev/null
  touch "$environment/complete"
}
