# shellcheck shell=bash disable=SC2034  # what is set here is for proxy-up.sh, proxy-down.sh and proxy-test.sh
# What these three share: where it is recorded what was started, and whether it still runs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
record=${MODELMESH_RUN:-$root/.run}
[[ $record == /* ]] || record=$PWD/$record
pid_file=$record/proxy.pid     # of a process: its pid, then the command it runs
docker_file=$record/proxy.docker # is there while Docker has it
url_file=$record/proxy.url     # where it answers
log_file=$record/proxy.log

die() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

# Prints the comment at the top of the script that runs.
usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# Ends with 2 unless a flag has its value: wants "$@".
wants() {
  [ $# -ge 2 ] || die "$1 wants a value; see --help" 2
}

docker_works() {
  { command -v docker && docker compose version && docker info; } > /dev/null 2>&1
}

# Keeps which process was started, and what it runs: record_process PID COMMAND
record_process() {
  rm -f "$url_file"
  printf '%s\n' "$1" "$2" > "$pid_file"
}

# Prints the pid of the process that was started here, or fails. What it runs tells it from one that has its pid by now.
running_pid() {
  local pid command
  { read -r pid && read -r command; } 2> /dev/null < "$pid_file" || return 1
  [[ $(ps -ww -o args= -p "$pid") == *"${command#* }" ]] && echo "$pid"
}

# Prints where the proxy answers that was started here, or fails.
started_url() {
  { [ -f "$docker_file" ] || running_pid > /dev/null; } && cat "$url_file" 2> /dev/null
}

# Whether the proxy at an address is alive.
answers() {
  curl -q --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$1/livez"
}
