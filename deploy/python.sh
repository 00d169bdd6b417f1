# shellcheck shell=bash
# Python environments with the peers of the end-to-end tests, kept under .build. Sourced by test.sh.

# python_environment NAME REQUIREMENT…: sets `python` to the interpreter of an environment that has these packages.
python_environment() {
  local environment=$PWD/.build/python/$1
  shift
  # shellcheck disable=SC2034  # read by the caller
  python=$environment/bin/python
  # Written last, with what was asked for: an environment that was interrupted half-way, or has other versions, is made again.
  [ "$(cat "$environment/complete" 2>/dev/null)" != "$*" ] || return 0
  rm -rf "$environment"
  # Debian's own interpreter: another one in the PATH may come without venv.
  /usr/bin/python3 -m venv "$environment" </dev/null
  "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" </dev/null
  echo "$*" >"$environment/complete"
}

# python_environments: every one that the tests use, and the variables by which they find them. One for each version of the SDK:
# mcp-proxy and fastapi-mcp are made with the older, fastmcp and mcp-coda with the newer. fastmcp's tasks are published for an older
# fastmcp only.
python_environments() {
  python_environment mcp-1.30.0 mcp==1.30.0 uvicorn mcp-proxy==0.13.0 fastapi-mcp==0.4.0
  export GATEHOUSE_TEST_PYTHON_1=$python
  python_environment mcp-2.3.0 mcp==2.3.0 uvicorn fastmcp==4.2.3 mcp-coda==0.12.3 rfc8785==0.1.4
  export GATEHOUSE_TEST_PYTHON_2=$python
  python_environment fastmcp-tasks-4.1.4 'fastmcp[tasks]==4.1.4' uvicorn
  export GATEHOUSE_TEST_PYTHON_TASKS=$python
  # An authorization server for tokens that renew themselves.
  python_environment authlib-1.9.10 authlib==1.9.10 flask==3.1.3 joserfc==1.8.0
  export GATEHOUSE_TEST_PYTHON_AUTHLIB=$python
  # The published messages of OTLP, by which a collector reads what it is sent.
  python_environment opentelemetry-proto-1.45.2 opentelemetry-proto==1.45.2
  export GATEHOUSE_TEST_PYTHON_OTLP=$python
}
