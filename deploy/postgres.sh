# shellcheck shell=bash
# A PostgreSQL of one's own for the time of a test run. Sourced by test.sh.
#
#   postgres_start    sets GATEHOUSE_TEST_POSTGRES; a server on loopback and a random port, its data in a temporary folder
#   postgres_stop     stops it and deletes the data; safe to call at any time
#
# PostgreSQL refuses to run as root, so root runs it as the user `postgres` of Debian's package.

postgres_folder=

postgres_as() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

postgres_bin() {
  local folder
  for folder in /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/initdb" ]; then
      echo "$folder"
      return
    fi
  done
  echo "deploy/postgres.sh: no initdb under /usr/lib/postgresql" >&2
  return 1
}

postgres_start() {
  local bin port try password
  bin=$(postgres_bin)
  postgres_folder=$(mktemp -d /tmp/gatehouse-postgres.XXXXXX)
  [ "$(id -u)" -ne 0 ] || chown postgres "$postgres_folder"
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  # The password passes through a file of this run, so that no process list shows it.
  (umask 077 && printf '%s\n' "$password" >"$postgres_folder/password")
  [ "$(id -u)" -ne 0 ] || chown postgres "$postgres_folder/password"
  postgres_as "$bin/initdb" -D "$postgres_folder/data" -U gatehouse -E UTF8 --locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile="$postgres_folder/password" --no-sync >"$postgres_folder/log" 2>&1 ||
    { cat "$postgres_folder/log" >&2; return 1; }
  # A port that looks free may be taken before the server binds it: then the next one is tried.
  for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    if postgres_as "$bin/pg_ctl" -D "$postgres_folder/data" -w -t 60 -s -l "$postgres_folder/data/server.log" \
      -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$postgres_folder -c fsync=off -c max_connections=300" \
      start </dev/null; then
      export GATEHOUSE_TEST_POSTGRES="postgres://gatehouse:$password@127.0.0.1:$port/postgres"
      return
    fi
    echo "deploy/postgres.sh: attempt $try on port $port failed" >&2
  done
  cat "$postgres_folder/data/server.log" >&2
  return 1
}

postgres_stop() {
  [ -n "$postgres_folder" ] || return 0
  if [ -f "$postgres_folder/data/postmaster.pid" ]; then
    postgres_as "$(postgres_bin)/pg_ctl" -D "$postgres_folder/data" -m immediate -s stop || true
  fi
  rm -rf "$postgres_folder"
  postgres_folder=
}
