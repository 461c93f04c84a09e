#!/usr/bin/env bash
# Starts the proxy: with Docker where that is usable, else as a process of this machine. It says which.
#
#   ./scripts/proxy-up.sh [--detach] [--config FILE] [--port N]
#
#   --detach       come back as soon as it answers; ./scripts/proxy-down.sh stops it
#   --config FILE  the configuration (modelmesh.yaml of the repository if it is there, else the keys alone)
#   --port N       the port (8080); 0 takes a free one, without Docker
#
# Keys are in .env, or without Docker in the environment as well. The process's pid and log are in .run/, or in the folder that MODELMESH_RUN names.

set -euo pipefail
# shellcheck source=scripts/proxy-shared.sh
. "$(dirname "$0")/proxy-shared.sh"

detach='' config='' port=8080
while [ $# -gt 0 ]; do
  case $1 in
    -d | --detach) detach=yes ;;
    --config) wants "$@" && config=$2 && shift ;;
    --port) wants "$@" && port=$2 && shift ;;
    -h | --help) usage && exit ;;
    *) die "There is no $1; see --help" 2 ;;
  esac
  shift
done
[[ $port =~ ^[0-9]+$ ]] || die "--port $port: not a port" 2
[ -z "$config" ] || [ -f "$config" ] || die "--config $config: there is no such file" 2
[ -z "$config" ] || config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")

# Puts into the environment what .env has and the environment has not, as Docker does.
read_env() {
  local line name value
  while IFS= read -r line || [ -n "$line" ]; do
    [[ $line =~ ^(export +)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]] && value=${BASH_REMATCH[1]}
    [ -n "${!name+set}" ] || export "$name=$value"
  done < "$1"
}

# Waits until the proxy answers, as long as a command succeeds: until_it_answers SECONDS COMMAND...
until_it_answers() {
  local url='' end=$((SECONDS + $1))
  shift
  while "$@" 2> /dev/null && [ $SECONDS -lt $end ]; do
    url=$(address)
    if [ -n "$url" ] && answers "$url"; then
      echo "$url" > "$url_file"
      echo "The proxy answers at $url"
      exit
    fi
    sleep 0.2
  done
}

become() {
  rmdir "$lock"
  exec "$@"
}

with_docker() {
  [ "$port" != 0 ] || die "With Docker the port has to be told." 2
  [ -z "$(docker compose ps --quiet)" ] ||
    die "A proxy runs already, in Docker; ./scripts/proxy-down.sh or docker compose down stops it."
  [ -f .env ] || die "With Docker keys are in .env. Make one: cp .env.example .env, and fill in what you have." 2
  echo "With Docker, as docker-compose.yaml says."
  if [ -z "$config${MODELMESH_CONFIG-}" ] && [ ! -f modelmesh.yaml ]; then
    echo "There is no modelmesh.yaml, so by the keys in .env alone."
    export COMPOSE_FILE=docker-compose.yaml:docker-compose.keys.yaml
  fi
  export MODELMESH_PORT=$port ${config:+"MODELMESH_CONFIG=$config"}
  touch "$docker_file"
  address() { echo "http://localhost:$port"; }
  if [ -z "$detach" ]; then
    address > "$url_file"
    become docker compose up --build
  fi
  docker compose up --build --detach || die "Docker could not start it."
  until_it_answers 60 true
  docker compose logs --tail 20 >&2
  ./scripts/proxy-down.sh
  die "It does not answer at $(address)."
}

as_a_process() {
  local pid command
  pid=$(running_pid) && die "A proxy runs already: process $pid, which ./scripts/proxy-down.sh stops."
  echo "Docker is not usable here, so as a process of this machine."
  ./scripts/install
  [ ! -f .env ] || read_env .env
  command=(.venv/bin/python -m modelmesh.proxy --port "$port" ${config:+--config "$config"})
  if [ -z "$detach" ]; then
    record_process $$ "${command[*]}"
    [ "$port" = 0 ] || echo "http://localhost:$port" > "$url_file"
    become "${command[@]}"
  fi
  : > "$log_file"
  nohup "${command[@]}" >> "$log_file" 2>&1 < /dev/null &
  pid=$!
  record_process $pid "${command[*]}"
  address() { sed -n 's/.*ModelMesh listens at \(http[^ ]*\).*/\1/p' "$log_file"; }
  until_it_answers 30 kill -0 $pid
  tail -n 100 "$log_file" >&2
  kill $pid 2> /dev/null || true
  rm -f "$pid_file"
  die "It did not start; its log is $log_file."
}

cd "$root"
mkdir -p "$record"
lock=$record/starting
mkdir "$lock" 2> /dev/null || die "Another is being started. If none is, remove $lock."
trap 'rmdir "$lock"' EXIT
if docker_works; then with_docker; else as_a_process; fi
