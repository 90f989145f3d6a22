#!/usr/bin/env bash
# Starts and stops throw-away Postgres, PgBouncer and Redis for tests: free ports of this machine, data under
# target/services, nothing kept safe. `eval "$(scripts/services.sh start)"` sets the URLs in a shell.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/target/services
env_file=$home/env

usage() {
  cat <<TEXT
usage: scripts/services.sh start|stop|env|status

  start   installs what is missing (Debian, as root), starts what does not run, prints the URLs
  stop    stops everything and deletes the data
  env     prints the URLs, for eval
  status  says whether everything answers

The URLs are in target/services/env: TEST_DATABASE_URL (Postgres), TEST_PGBOUNCER_URL (transaction mode),
TEST_PGBOUNCER_SESSION_URL (session mode), TEST_REDIS_URL.
TEXT
}

say() { printf '%s\n' "$*" >&2; }

need() {
  local missing=()
  for package in postgresql pgbouncer redis-server; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  # Other systems package the same programs under other names.
  if programs >/dev/null 2>&1; then return 0; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${missing[*]}"
    apt-get update -qq >&2
    # The package of Postgres would make and start a cluster of its own.
    mkdir -p /etc/postgresql-common/createcluster.d
    printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/traceway.conf
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "these packages are needed: ${missing[*]}"
    say "install them with: sudo apt-get install ${missing[*]}"
    exit 1
  fi
}

# Finds the programs: Debian keeps those of Postgres out of the path.
programs() {
  local newest
  newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
  [ -z "$newest" ] || PATH=$newest:$PATH
  PATH=$PATH:/usr/sbin
  # Asked for together, one that is there would answer for all.
  local program
  for program in initdb pg_ctl psql pgbouncer redis-server redis-cli; do
    command -v "$program" >/dev/null || { say "$program cannot be found"; return 1; }
  done
}

# Postgres and PgBouncer refuse to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- env PATH="$PATH" "$@" 9>&-; else "$@" 9>&-; fi
}

# Says where the data go: below target, or where the user postgres may not go, below /tmp.
data_directory() {
  local data=$home/data
  if [ "$(id -u)" = 0 ] && ! runuser -u postgres -- test -x "$home"; then
    data=/tmp/traceway-services-$(printf '%s' "$home" | cksum | cut -d' ' -f1)
  fi
  printf '%s' "$data"
}

taken=' '

# Sets `port` to one that nobody listens on and that was not given out before.
free_port() {
  for port in $(shuf -i 20000-32000 -n 200); do
    if [[ $taken != *" $port "* ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      taken+="$port "
      return
    fi
  done
  say "no free port was found"
  exit 1
}

# Waits until a command succeeds, at most 20 seconds.
await() {
  local what=$1
  shift
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  say "$what does not answer; see its log in $(data_directory)"
  exit 1
}

answers_sql() { PGCONNECT_TIMEOUT=2 psql -w -X -q -d "$1" -c 'SELECT 1' >/dev/null 2>&1; }
answers_redis() { [ "$(timeout 2 redis-cli -u "$1" ping 2>/dev/null)" = PONG ]; }

running() {
  [ -f "$env_file" ] || return 1
  # shellcheck source=/dev/null
  . "$env_file"
  answers_sql "$TEST_DATABASE_URL" && answers_sql "$TEST_PGBOUNCER_URL" &&
    answers_sql "$TEST_PGBOUNCER_SESSION_URL" && answers_redis "$TEST_REDIS_URL"
}

start_postgres() {
  free_port
  as_owner initdb -D "$data/postgres" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$data/initdb.log" 2>&1
  as_owner tee -a "$data/postgres/postgresql.conf" >/dev/null <<TEXT
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 400
shared_buffers = 64MB
fsync = off
full_page_writes = off
synchronous_commit = off
jit = off
max_locks_per_transaction = 256
TEXT
  as_owner pg_ctl -D "$data/postgres" -l "$data/postgres.log" -w start >/dev/null
  postgres_port=$port
  await Postgres answers_sql "postgres://postgres@127.0.0.1:$port/postgres"
}

# Few server connections, so that a mode that mixes up clients does so at once.
start_pgbouncer() {
  local mode=$1 size=$2 file=$data/pgbouncer-$1
  free_port
  printf '"postgres" ""\n' | as_owner tee "$file.users" >/dev/null
  as_owner tee "$file.ini" >/dev/null <<TEXT
[databases]
* = host=127.0.0.1 port=$postgres_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $file.users
pool_mode = $mode
default_pool_size = $size
max_client_conn = 400
ignore_startup_parameters = extra_float_digits,options
logfile = $file.log
pidfile = $file.pid
TEXT
  as_owner pgbouncer -d -q "$file.ini" >/dev/null
  await "PgBouncer ($mode)" answers_sql "postgres://postgres@127.0.0.1:$port/postgres"
}

start_redis() {
  free_port
  as_owner redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$data" \
    --daemonize yes --logfile "$data/redis.log" --pidfile "$data/redis.pid" >/dev/null
  await Redis answers_redis "redis://127.0.0.1:$port"
}

start() {
  need
  programs || exit 1
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
  if ! running; then
    stop_all
    data=$(data_directory)
    mkdir -p "$data"
    [ "$(id -u)" != 0 ] || chown postgres "$data"
    local url=postgres://postgres@127.0.0.1
    start_postgres
    start_pgbouncer transaction 3
    local transaction=$port
    start_pgbouncer session 100
    local session=$port
    start_redis
    cat >"$env_file.new" <<TEXT
export TEST_DATABASE_URL=$url:$postgres_port/postgres
export TEST_PGBOUNCER_URL=$url:$transaction/postgres
export TEST_PGBOUNCER_SESSION_URL=$url:$session/postgres
export TEST_REDIS_URL=redis://127.0.0.1:$port
TEXT
    mv "$env_file.new" "$env_file"
  fi
  cat "$env_file"
}

# Stops the process a file names, if it is still that program.
stop_process() {
  local pid program=$2
  pid=$(cat "$1" 2>/dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$program" ] || return 0
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    [ -d "/proc/$pid" ] || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

stop_all() {
  data=$(data_directory)
  stop_process "$data/pgbouncer-transaction.pid" pgbouncer
  stop_process "$data/pgbouncer-session.pid" pgbouncer
  stop_process "$data/redis.pid" redis-server
  if [ -f "$data/postgres/postmaster.pid" ]; then
    as_owner pg_ctl -D "$data/postgres" -m immediate stop >/dev/null 2>&1 || true
  fi
  rm -rf "$data" "$env_file"
}

case "${1:-}" in
  start) start ;;
  stop)
    programs 2>/dev/null || true
    mkdir -p "$home"
    exec 9>"$home/lock"
    flock 9
    stop_all
    ;;
  env) cat "$env_file" 2>/dev/null || { say "nothing was started; run scripts/services.sh start"; exit 1; } ;;
  status)
    programs 2>/dev/null || true
    if running; then say "everything answers"; else say "not everything answers; run scripts/services.sh start"; exit 1; fi
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
