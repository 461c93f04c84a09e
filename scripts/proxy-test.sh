#!/usr/bin/env bash
# Asks every endpoint of a proxy, and shows in a table what works.
#
#   ./scripts/proxy-test.sh [--full] [--url URL] [--token TOKEN] [--config FILE] [--port N]
#
#   --full         besides send one small request to each endpoint that has a pool, which costs a little.
#                  Where no proxy runs, one is started for it by proxy-up.sh, and stopped at the end
#   --url URL      where the proxy is (MODELMESH_URL; else the one proxy-up.sh started; else http://localhost:8080)
#   --token TOKEN  its token (MODELMESH_TOKEN), an admin's where there are such
#   --config, --port  for the proxy that --full starts
#
# Without --full no vendor is asked. It ends with 0 where everything works, with 1 where something fails or no proxy
# answers, and with 2 for a flag that there is not.

set -euo pipefail
# shellcheck source=scripts/proxy-shared.sh
. "$(dirname "$0")/proxy-shared.sh"

full='' url=${MODELMESH_URL-} token=${MODELMESH_TOKEN-} flags=()
while [ $# -gt 0 ]; do
  case $1 in
    --full) full=yes ;;
    --url) wants "$@" && url=$2 && shift ;;
    --token) wants "$@" && token=$2 && shift ;;
    --config | --port) wants "$@" && flags+=("$1" "$2") && shift ;;
    -h | --help) usage && exit ;;
    *) die "There is no $1; see --help" 2 ;;
  esac
  shift
done

folder=$(mktemp -d)
started=''
trap '[ -z "$started" ] || "$root/scripts/proxy-down.sh"; rm -r "$folder"' EXIT
# In a file the token is not among the processes, where everybody would see it.
bearer() {
  printf 'Authorization: Bearer %s\n' "$1" > "$folder/token"
}
[ -z "$token" ] || bearer "$token"
json=(--header 'Content-Type: application/json' --data)
works=0 fails=0 skipped=0

# Sends a request, and sets `status` and `seconds`; the body is in a file: ask METHOD PATH [FLAG OF CURL]...
ask() {
  local method=$1 path=$2
  shift 2
  : > "$folder/body"
  read -r status seconds < <(
    curl -q --silent --show-error --noproxy '*' --max-time 120 --output "$folder/body" --request "$method" \
      --write-out '%{http_code} %{time_total}\n' ${token:+--header "@$folder/token"} "$@" "$url$path" 2> "$folder/body.error"
  ) || true
}

says() {
  grep -Eq "$1" "$folder/body"
}

# Adds a line to the table: row RESULT METHOD PATH WHAT
row() {
  printf '%-8s %s  %5.0f ms  %-7s %-26s %s\n' "$1" "$status" "$(awk "BEGIN {print $seconds * 1000}")" "$2" "$3" "$4"
}

# Judges the reply to what was asked last: judge STATUS PATTERN METHOD PATH WHAT
judge() {
  if [ "$status" = "$1" ] && says "$2"; then
    row works "${@:3}" && works=$((works + 1))
  elif [ "$status" = 404 ] && says '"code": *"not_found"' && [ "$1" != 404 ]; then
    row skipped "${@:3:2}" "not served: by its configuration" && skipped=$((skipped + 1))
  elif [ "$status" = 403 ] && says '"code": *"local_only"'; then
    row skipped "${@:3:2}" "for the machine it runs on, or with a token" && skipped=$((skipped + 1))
  else
    row FAILS "${@:3}" && fails=$((fails + 1))
    cat "$folder/body" "$folder/body.error" | head -c 500 | sed 's/^/           /'
    echo
  fi
}

# Asks, and judges the reply: expect WHAT STATUS PATTERN METHOD PATH [FLAG OF CURL]...
expect() {
  local what=$1 wanted=$2 pattern=$3
  shift 3
  ask "$@"
  judge "$wanted" "$pattern" "$1" "$2" "$what"
}

# Sets `asked` to the flags by which curl asks a pool for something small: small ENDPOINT POOL
small() {
  local chat='"messages": [{"role": "user", "content": "Say hi."}]'
  case $1 in
    chat) asked=("${json[@]}" "{\"model\": \"$2\", $chat}") ;;
    stream) asked=("${json[@]}" "{\"model\": \"$2\", $chat, \"stream\": true}") ;;
    embeddings) asked=("${json[@]}" "{\"model\": \"$2\", \"input\": \"hi\"}") ;;
    speech) asked=("${json[@]}" "{\"model\": \"$2\", \"input\": \"Hello!\", \"voice\": \"alloy\"}") ;;
    transcriptions) asked=(--form "model=$2" --form "file=@$folder/hello.wav;type=audio/wav") ;;
    images) asked=("${json[@]}" "{\"model\": \"$2\", \"prompt\": \"A grey dot\"}") ;;
  esac
}

# Asks the pools in turn until one serves the endpoint; to be told that it does not costs nothing:
# serve ENDPOINT CAPABILITY PATTERN PATH
serve() {
  local pool
  for pool in "$2" "${pools[@]}"; do
    small "$1" "$pool"
    ask POST "$4" "${asked[@]}"
    if ! says '"code": *"(model_not_found|unsupported_by_model)"'; then
      judge 200 "$3" POST "$4" "$1 by $pool"
      return
    fi
  done
  row skipped POST "$4" "$1: no pool serves it" && skipped=$((skipped + 1))
}

# A second of silence, as a WAV file: 8000 samples of 16 bits.
silence() {
  printf 'RIFF\xa4\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00'
  head -c 16000 /dev/zero
}

given=$url
[ -n "$url" ] || url=$(started_url) || url=http://localhost:8080
url=${url%/}
if ! answers "$url"; then
  [[ -n $full && -z $given ]] || die "No proxy answers at $url; ./scripts/proxy-up.sh --detach starts one."
  "$root/scripts/proxy-up.sh" --detach ${flags[@]+"${flags[@]}"}
  started=yes
  url=$(cat "$url_file")
fi

echo "The proxy at $url"
expect 'is alive' 200 '"ok"' GET /livez
expect 'takes requests' 200 '"ok"' GET /readyz
expect 'tells how it is' 200 '"running": *true' GET /health
expect 'describes itself' 200 '"openapi"' GET /openapi.json
expect 'lists the pools' 200 '"object": *"list"' GET /v1/models
pools=()
while read -r pool; do pools+=("$pool"); done < <(grep -Eo '"id": *"[^"]+"' "$folder/body" | cut -d '"' -f 4)
[ ${#pools[@]} -gt 0 ] || pools=(chat-completion)
expect 'shows one' 200 '"object": *"model"' GET "/v1/models/${pools[0]}"
expect 'tells how targets fare' 200 '"pools"' GET /v1/mesh/status
small chat "${pools[0]}"
expect 'tells where a request would go' 200 '"targets"' POST /v1/mesh/explain "${asked[@]}"
for path in /v1/chat/completions /v1/embeddings /v1/audio/speech /v1/images/generations; do
  expect 'refuses what is no JSON' 400 '"invalid_request_error"' POST $path "${json[@]}" '{'
done
expect 'refuses what has no file' 400 '"invalid_request_error"' POST /v1/audio/transcriptions --form model=none
small chat no-such-pool
expect 'refuses an unknown model' 404 '"model_not_found"' POST /v1/chat/completions "${asked[@]}"
expect 'refuses an unknown path' 404 '"not_found"' GET /v1/nothing
if [ -n "$token" ]; then
  bearer wrong
  expect 'refuses a wrong token' 401 '"invalid_api_key"' GET /v1/mesh/status
  bearer "$token"
fi

if [ -n "$full" ]; then
  silence > "$folder/hello.wav"
  serve chat chat-completion '"content"' /v1/chat/completions
  serve stream chat-completion '^data: *\[DONE\]' /v1/chat/completions
  serve embeddings text-embeddings '"embedding"' /v1/embeddings
  serve speech text-to-speech '' /v1/audio/speech
  serve transcriptions speech-to-text '"text"' /v1/audio/transcriptions
  serve images image-generation '"(b64_json|url)"' /v1/images/generations
fi

echo "$works work, $skipped skipped, $fails fail."
[ "$fails" = 0 ]
