#!/bin/bash
# Makes the database at the first start, runs the scripts of /docker-entrypoint-initdb.d, then serves.
set -euo pipefail
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$data" /run/postgresql
  chown postgres "$data" /run/postgresql
  chmod 0700 "$data"
  exec setpriv --reuid postgres --regid postgres --clear-groups -- "$0" 2>/dev/null ||
    exec setpriv --reuid postgres --regid postgres --clear-groups -- /bin/bash /entry.sh
fi
if [ ! -s "$data/PG_VERSION" ]; then
  "$bin/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 --auth-host=scram-sha-256 --auth-local=trust --pwfile="$POSTGRES_PASSWORD_FILE"
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  "$bin/pg_ctl" -D "$data" -w -o "-c listen_addresses=" start
  psql -U postgres -d postgres -c "CREATE DATABASE \"$POSTGRES_DB\""
  export POSTGRES_USER=postgres
  for script in /docker-entrypoint-initdb.d/*.sh; do sh "$script"; done
  "$bin/pg_ctl" -D "$data" -w stop
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*'
