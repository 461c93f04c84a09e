#!/bin/sh
# A running proxy, from a shell: its pools, a whole answer, and one as it is being written.
#
# python -m modelmesh.proxy        # in another terminal; MODELMESH_URL where it is elsewhere
# sh examples/from_curl.sh
set -eu
url=${MODELMESH_URL:-http://localhost:8080/v1}
token="Authorization: Bearer ${MODELMESH_TOKEN:-not-needed}"
json="Content-Type: application/json"

curl -sS --fail-with-body "$url/models" -H "$token"
echo

curl -sS --fail-with-body "$url/chat/completions" -H "$token" -H "$json" -d '{
  "model": "chat-completion",
  "messages": [{"role": "user", "content": "Say hello in one word."}]
}'
echo

# -N shows the events as they come.
curl -sSN --fail-with-body "$url/chat/completions" -H "$token" -H "$json" -d '{
  "model": "chat-completion",
  "messages": [{"role": "user", "content": "Count to five."}],
  "stream": true
}'
