#!/usr/bin/env bash
# Stops the proxy that ./scripts/proxy-up.sh started, and nothing else. Requests in flight may end first.
#
#   ./scripts/proxy-down.sh

set -euo pipefail
# shellcheck source=scripts/proxy-shared.sh
. "$(dirname "$0")/proxy-shared.sh"

case ${1-} in
  '') ;;
  -h | --help) usage && exit ;;
  *) die "There is no $1; see --help" 2 ;;
esac

cd "$root"
if [ -f "$docker_file" ]; then
  docker compose down
  rm -f "$docker_file" "$url_file"
  echo "Stopped, in Docker."
elif pid=$(running_pid); then
  echo "Stopping process $pid; requests in flight may end first (proxy.drain_timeout)."
  kill "$pid"
  while [ "$(running_pid)" = "$pid" ]; do sleep 0.1; done
  rm -f "$pid_file" "$url_file"
  echo "Stopped."
else
  echo "There is nothing to stop: no proxy runs that ./scripts/proxy-up.sh started here."
fi
