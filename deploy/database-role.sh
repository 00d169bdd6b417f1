#!/bin/sh
# Makes the role with which Gatehouse connects, when the image of PostgreSQL makes the database (docker-compose.yml). The role owns what it makes;
# it is no superuser, so it reads no file of the server, starts no program and becomes nobody else.
set -eu
# Through the environment of the command, so that no list of processes shows it.
GATEHOUSE_PASSWORD=$(cat /run/secrets/database_password)
export GATEHOUSE_PASSWORD
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password GATEHOUSE_PASSWORD
CREATE ROLE gatehouse LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
REVOKE ALL ON DATABASE :DBNAME FROM PUBLIC;
GRANT CONNECT, CREATE ON DATABASE :DBNAME TO gatehouse;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO gatehouse;
-- Deleting old audit events by rows asks for checkpoints, so that the write-ahead log stays small meanwhile (since PostgreSQL 15).
GRANT pg_checkpoint TO gatehouse;
SQL
