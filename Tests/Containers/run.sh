#!/usr/bin/env bash
# Runs what deploy/ and docs/ say of containers for real, with Docker or Podman: the compose files, the recipe for stdio servers and the
# template of a new server. Nothing of it faces the internet: in place of cloudflared a client of the tests asks, in place of Access an issuer
# of the tests signs, and the template's server stands for the Coda MCP.
#
#   Tests/Containers/run.sh [embedded|postgres|fleet|stdio|template]…      all five unless some are named
#
#   CONTAINER_ENGINE      docker or podman; else the first that answers
#   COMPOSE               the compose command; else `docker compose`, or podman-compose
#   GATEHOUSE_IMAGE       an image to test; else deploy/image.sh builds it
#   GATEHOUSE_BINARY      a binary to make the image of, instead of building it
#   GATEHOUSE_TEST_FLAGS, GATEHOUSE_TEST_BUILD_FLAGS
#                         more arguments for `run` and `build`, where a machine has other limits or a registry of its own
#
# A base image that cannot be had from its registry is replaced by one that is made here of debian:bookworm-slim; the output says so.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=Tests/Containers/images.sh
. "$here/images.sh"

[ $# -gt 0 ] || set -- embedded postgres fleet stdio template
find_engine
work=$(mktemp -d /tmp/gatehouse-containers.XXXXXX)
project=gatehouse-test-$$
failures=0
cleanup() {
  down >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
# check WORDS COMMAND…: one thing that has to hold.
check() {
  local words=$1
  shift
  if "$@" >"$work/last" 2>&1; then
    echo "ok    $words"
  else
    echo "FAIL  $words"
    tail -n 15 "$work/last" | cut -c1-300 | sed 's/^/      /'
    failures=$((failures + 1))
  fi
}
# started WORDS COMMAND…: the same; false, with what the containers said, when nothing more is worth trying.
started() {
  local before=$failures
  check "$@"
  [ "$failures" -gt "$before" ] || return 0
  compose logs gatehouse 2>&1 | tail -n 15 | cut -c1-300 | sed 's/^/      /'
  down >/dev/null 2>&1
  return 1
}
not() { ! "$@"; }
# within SECONDS COMMAND…: until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}
compose() { (cd "$work/deploy" && "${compose[@]}" -p "$project" "${files[@]}" "$@"); }
# The stand-in too: stopped, it keeps the volumes.
down() { [ ! -d "$work/deploy" ] || compose --profile update down -v -t 5; }
gatehouse() { compose exec -T gatehouse /usr/bin/gatehouse "$@"; }
# token VERB NAME VALUE [ARGUMENT]…: the value goes through standard input, as it does where people do it.
token() { printf '%s\n' "$3" | gatehouse token "$1" "$2" "${@:4}"; }
# The client beside Gatehouse, where cloudflared stands. Its first argument is the path.
client() { compose exec -T cloudflared python3 /peer/client.py "$@"; }

# place COMPOSE-FILE EXAMPLE: a folder as the head of the compose file has it made.
place() {
  mkdir -p "$work/deploy"
  cp -r "$root/deploy/." "$work/deploy/"
  cp -r "$here/peer" "$work/deploy/peer"
  cd "$work/deploy"
  rm -rf conf secrets run .env
  mkdir conf
  mkdir -m 0700 secrets
  "$engine" run --rm "${flags[@]}" "$image" key generate >secrets/gatehouse_key
  openssl rand -hex 24 >secrets/database_password
  openssl rand -hex 24 >secrets/database_owner_password
  echo "GATEHOUSE_DATABASE_PASSWORD=$(cat secrets/database_password)" >secrets/database.env
  echo unused >secrets/tunnel_token
  chmod 0444 secrets/*
  as_root install -d -m 2770 -o 65532 -g "$(id -g)" run
  make_issuer "$work/deploy/issuer"
  # The example itself: with another issuer, and without the probe, which would ask the vendor.
  sed -e 's#^access: { team: example }#access: { issuer: "https://issuer:8443", certs_url: "https://issuer:8443/certs" }#' \
    -e 's#^  team: example#  issuer: "https://issuer:8443"\n  certs_url: "https://issuer:8443/certs"#' \
    -e '/^    probe:/d' "$root/config/$2" >conf/gatehouse.yaml
  cat >.env <<END
CODA_AUDIENCE=$audience
CODA_MCP_IMAGE=$server_image
CLOUDFLARED_IMAGE=$peer_image
POSTGRES_IMAGE=$postgres_image
GATEHOUSE_VERSION=test
END
  limits=$(ulimit -Hn)
  [ "$limits" != unlimited ] && [ "$limits" -lt 65536 ] || limits=65536
  limits="{ nofile: $limits"
  # Podman raises what is not named to the kernel's most, which not every machine may.
  [ "$(ulimit -Hu)" = unlimited ] || limits="$limits, nproc: $(($(ulimit -Hu) < 4096 ? $(ulimit -Hu) : 4096))"
  limits="$limits }"
  cat >override.yml <<END
services:
  cloudflared:
    ulimits: $limits
    command: sleep infinity
    tmpfs: [/tmp]
    stop_grace_period: 1s
    volumes: ["./peer:/peer:ro", "./issuer:/issuer:ro"]
  gatehouse:
    # The issuer's own authority in place of the public ones.
    volumes: ["./issuer/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro"]
    ulimits: $limits
  stand-in:
    volumes: ["./issuer/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro"]
    ulimits: $limits
  edit:
    ulimits: $limits
  coda-mcp:
    ulimits: $limits
    environment: { TOKEN_HEADER: X-Coda-Api-Key }
    stop_grace_period: 1s
  issuer:
    image: $peer_image
    ulimits: $limits
    command: python3 /peer/issuer.py
    stop_grace_period: 1s
    volumes: ["./peer:/peer:ro", "./issuer:/issuer:ro"]
    networks: [edge]
END
  files=(-f "$1" -f override.yml)
  # bounded SERVICE…: the same limit for services that only one of the parts has.
  bounded() { { echo "services:"; printf "  %s: { ulimits: $limits }\n" "$@"; } >"$work/deploy/bounded.yml"; files+=(-f bounded.yml); }
  cd "$root"
}

plain_role() {
  compose exec -T postgres psql -U postgres -d gatehouse -Atc \
    "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'gatehouse'" | grep -qx f
}

# Whether the instance answers at all: before its first token it is not ready.
answers() {
  local said
  said=$(gatehouse health 2>&1) || true
  [[ $said == *keys* ]]
}

up() {
  compose up -d --no-build "$@" >"$work/up" 2>&1 || { tail -n 20 "$work/up" >&2; return 1; }
  within 30 answers
}

# The promises of both compose files.
common() {
  check "a token is set by a command in the container" token set coda coda-token-one
  check "the instance is healthy" within 20 gatehouse health
  check "the rest starts" compose up -d --no-build
  check "a signed-in caller reaches the server, with the token" within 20 client call https://coda.example.com/mcp whoami coda-token-one
  check "without an assertion it is 401" client status https://coda.example.com/mcp 401
  check "cloudflared's network does not reach the server" not client reach coda-mcp 8080
  check "the admin socket is there with mode 0660" test "$(stat -c %a "$work/deploy/run/admin.sock" 2>/dev/null)" = 660
  check "the status page comes through it" curl -sf --unix-socket "$work/deploy/run/admin.sock" http://127.0.0.1/
  check "the serving container cannot write its configuration" not gatehouse route add x --host x.example.com --upstream http://x:1 --audience "$audience"
  check "a one-off container can: route add" compose --profile edit run --rm --user "$(id -u):$(id -g)" edit route add wiki --host wiki.example.com --upstream http://coda-mcp:8080 --audience "$audience" --header "X-Coda-Api-Key: {token:coda}" --strip-header "X-Coda-*" --strip-query coda_api_key --allow-user "*@example.com"
  check "and the running instance takes the route" within 10 client call https://wiki.example.com/mcp whoami coda-token-one
  check "so it does a file that an editor replaced: the grant is gone" sed -i 's#\*@example.com#*@elsewhere.example#' "$work/deploy/conf/gatehouse.yaml"
  check "a caller without the grant gets 403" within 10 client status https://coda.example.com/mcp 403 signed
  sed -i 's#\*@elsewhere.example#*@example.com#' "$work/deploy/conf/gatehouse.yaml"
  check "and is served again when it is back" within 10 client call https://coda.example.com/mcp whoami coda-token-one
  check "a rotated token arrives without a restart" token rotate coda coda-token-two --no-probe
  check "at the server" within 40 client call https://coda.example.com/mcp whoami coda-token-two
  check "the audit holds and verifies" gatehouse audit verify
  update
  update_without_gap
}

tunnel() { "$engine" ps --no-trunc --quiet --filter "name=${project}[_-]cloudflared"; }

# An update as the compose file documents it, with a request every 50 ms beside it, from the issuer's container: podman-compose replaces with a service
# also those that depend on it, Docker leaves them alone. How long nobody answers says the engine's resolver too, while the name leads nowhere.
watch_requests() {
  compose exec -T issuer rm -f /tmp/stop-watching
  compose exec -T issuer python3 /peer/client.py watch http://gatehouse:8080/ "$work" >"$work/gap" 2>&1 &
  watcher=$!
  check "requests are made meanwhile" within 60 grep -q watching "$work/gap"
}
# What the requests of the watcher met.
end_watching() {
  # Longer than one request of the watcher may take.
  sleep 3
  compose exec -T issuer touch /tmp/stop-watching
  wait "$watcher" 2>/dev/null || true
  echo "      $(tail -n 1 "$work/gap")"
}
reached() { compose exec -T issuer python3 /peer/client.py reach gatehouse 8080; }
healthy() { compose --profile update exec -T "$1" /usr/bin/gatehouse health; }

update() {
  local before
  before=$(tunnel)
  watch_requests
  check "up -d --no-deps gatehouse puts in a new container" compose up -d --no-build --no-deps --force-recreate gatehouse
  within 60 gatehouse health >/dev/null 2>&1 || true
  within 20 reached >/dev/null 2>&1 || true
  end_watching
  [ "$before" = "$(tunnel)" ] || echo "      ${compose[0]} has replaced the tunnel's container too"
  check "and calls work again" within 20 client call https://coda.example.com/mcp whoami coda-token-two
}

# The same with the container that stands in.
update_without_gap() {
  echo "reuse_port: true" >>"$work/deploy/conf/gatehouse.yaml"
  check "reuse_port is in force after a restart" compose restart gatehouse
  within 60 reached >/dev/null 2>&1 || true
  watch_requests
  check "a stand-in starts beside it" compose --profile update up -d --no-build --no-deps stand-in
  check "and is healthy" within 60 healthy stand-in
  check "meanwhile a new container is put in" compose up -d --no-build --no-deps --force-recreate gatehouse
  check "and is healthy, too" within 60 healthy gatehouse
  check "the stand-in ends" compose --profile update stop stand-in
  end_watching
  check "no request was without an answer" grep -q ' 0 failed' "$work/gap"
  check "calls work" within 20 client call https://coda.example.com/mcp whoami coda-token-two
  check "and the audit of all instances verifies" within 30 gatehouse audit verify
}

# The former configuration lies beside the new one: commands in the container see no other folder of the host.
migrate_audit() {
  cp "$work/deploy/conf/gatehouse.yaml" "$work/deploy/conf/before.yaml"
  check "the audit has another sink from now on" sed -i 's#path: /var/lib/gatehouse/gatehouse.db }$#path: /var/lib/gatehouse/newer.db }#' "$work/deploy/conf/gatehouse.yaml"
  check "the running instance takes it" gatehouse reload
  check "audit migrate reads the former configuration" gatehouse audit migrate /etc/gatehouse/before.yaml
  check "and the audit verifies in the new sink" within 20 gatehouse audit verify
}

run_embedded() {
  say "compose.embedded.yml"
  place compose.embedded.yml coda.sqlite.example.yaml
  started "it starts" up gatehouse issuer coda-mcp || return 0
  common
  migrate_audit
  down >/dev/null 2>&1
}

run_postgres() {
  say "docker-compose.yml, with PostgreSQL"
  place docker-compose.yml coda.postgres.example.yaml
  bounded postgres
  started "it starts" up gatehouse issuer coda-mcp postgres || return 0
  check "the role that Gatehouse connects as is no superuser" within 60 plain_role
  check "the instance has found its database" within 60 gatehouse store init phase2
  common
  down >/dev/null 2>&1
}

# Whether the status of a service shows so many instances that are there, of one configuration.
shows() {
  compose exec -T "$1" /usr/bin/gatehouse status --json | python3 -c '
import json, sys
there = [one for one in json.load(sys.stdin)["fleet"]["instances"] if not one["gone"]]
sys.exit(len(there) != int(sys.argv[1]) or not all(one["same_configuration"] for one in there))' "$2"
}

run_fleet() {
  local service
  say "compose.fleet.yml"
  place docker-compose.yml coda.postgres.example.yaml
  as_root install -d -m 2770 -o 65532 -g "$(id -g)" "$work/deploy/run-b"
  files+=(-f compose.fleet.yml)
  bounded postgres
  echo "  gatehouse-b: { ulimits: $limits, volumes: ['./issuer/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro'] }" >>"$work/deploy/bounded.yml"
  started "it starts" up gatehouse issuer coda-mcp postgres || return 0
  check "the instance has found its database" within 60 gatehouse store init phase2
  check "a token is set by a command in the container" token set coda coda-token-one
  check "the rest starts" compose up -d --no-build
  check "both instances are healthy" within 60 eval "healthy gatehouse && healthy gatehouse-b"
  for service in gatehouse gatehouse-b; do check "the status of $service shows both" within 20 shows "$service" 2; done
  check "a signed-in caller reaches the server, with the token" within 20 client call https://coda.example.com/mcp whoami coda-token-one
  check "the status of the second comes through a socket of its own" curl -sf --unix-socket "$work/deploy/run-b/admin.sock" http://127.0.0.1/
  watch_requests
  for service in gatehouse gatehouse-b; do
    check "a new container of $service is put in" compose up -d --no-build --no-deps --force-recreate "$service"
    check "and is healthy" within 60 healthy "$service"
    # The resolver's answers are remembered for a moment.
    sleep 5
  done
  end_watching
  check "no request was without an answer" grep -q ' 0 failed' "$work/gap"
  for service in gatehouse gatehouse-b; do check "the status of $service shows both" within 20 shows "$service" 2; done
  check "a token that is rotated at one" token rotate coda coda-token-two --no-probe
  check "is sent by both" within 40 both_send coda-token-two
  check "the audit of both verifies" within 30 gatehouse audit verify
  down >/dev/null 2>&1
}
# The resolver leads now to the one and now to the other.
both_send() {
  for _ in 1 2 3 4 5 6; do client call https://coda.example.com/mcp whoami "$1" || return 1; done
}

run_stdio() {
  say "docs/STDIO_MCP.md"
  place compose.embedded.yml coda.sqlite.example.yaml
  # The container file and the services as they stand in the document.
  python3 "$here/peer/fence.py" "$root/docs/STDIO_MCP.md" dockerfile >"$work/deploy/Dockerfile.stdio"
  python3 "$here/peer/fence.py" "$root/docs/STDIO_MCP.md" yaml services: >"$work/deploy/stdio.yml"
  check "the image is built" "$engine" build "${build_flags[@]}" --build-arg "PYTHON_IMAGE=$python_image" --build-arg "GATEHOUSE_IMAGE=$image" --tag "localhost/gatehouse-test-stdio:latest" --file "$work/deploy/Dockerfile.stdio" "$work/deploy"
  sed -i 's#image: coda-stdio:local#image: localhost/gatehouse-test-stdio:latest#' "$work/deploy/stdio.yml"
  files+=(-f stdio.yml)
  bounded coda-stdio coda-token
  # The route of the document injects nothing.
  sed -i -e 's#upstream: http://coda-mcp:8080#upstream: http://coda-stdio:8080/mcp#' -e '/^    inject:/d' "$work/deploy/conf/gatehouse.yaml"
  started "Gatehouse starts" up gatehouse issuer cloudflared || return 0
  check "the token is set" token set coda coda-token-one
  check "the two containers of the server start" compose up -d --no-build coda-token coda-stdio
  check "a caller sees its tools" within 60 client tools https://coda.example.com/
  check "the token is in its environment" within 20 compose exec -T coda-stdio sh -c 'cat /proc/[0-9]*/environ 2>/dev/null | grep -aq CODA_API_TOKEN=coda-token-one'
  check "neither the key nor the store is where the server is" not compose exec -T coda-stdio sh -c 'ls /run/secrets/gatehouse_key || ls /var/lib/gatehouse/gatehouse.db || ls /etc/gatehouse/gatehouse.yaml'
  check "the token is rotated" token rotate coda coda-token-two --no-probe
  check "the server is started again with it" within 40 compose exec -T coda-stdio sh -c 'cat /proc/[0-9]*/environ 2>/dev/null | grep -aq CODA_API_TOKEN=coda-token-two'
  check "and a caller sees its tools" within 60 client tools https://coda.example.com/
  down >/dev/null 2>&1
}

run_template() {
  say "deploy/template"
  place compose.embedded.yml coda.sqlite.example.yaml
  echo "EXAMPLE_MCP_IMAGE=$server_image" >>"$work/deploy/.env"
  files+=(-f template/compose.yml)
  bounded example-mcp
  started "it starts with the fragment" up || return 0
  check "its route is added" compose --profile edit run --rm --user "$(id -u):$(id -g)" edit route add example --host example.example.com --upstream http://example-mcp:8080 --audience "$audience" --header "X-Api-Key: {token}" --strip-header "X-Example-*" --allow-user "*@example.com"
  check "its token is set" token set example example-token
  check "a caller reaches it, with the token" within 20 client call https://example.example.com/mcp whoami example-token
  down >/dev/null 2>&1
}

say "images"
make_images
for part in "$@"; do
  case $part in
  embedded | postgres | fleet | stdio | template) "run_$part" ;;
  *)
    echo "error: embedded, postgres, fleet, stdio or template" >&2
    exit 64
    ;;
  esac
done
echo
if [ "$failures" -gt 0 ]; then
  echo "$failures checks failed"
  exit 1
fi
echo "every check holds"
