"""The proxy inside a plain script: it serves on a thread of its own until it is stopped.

export OPENAI_API_KEY=sk-...       # or whatever vendor's key you have
python examples/in_a_script.py
"""

import json
import urllib.request

from modelmesh import ProxyServer

server = ProxyServer(host="127.0.0.1", port=0, token="my-secret")  # port 0: one that is free
server.start(block=False)
try:
    question = {
        "model": "chat-completion",
        "messages": [{"role": "user", "content": "Say hello in one word."}],
    }
    request = urllib.request.Request(
        f"{server.url}/v1/chat/completions",
        data=json.dumps(question).encode(),
        headers={"Authorization": "Bearer my-secret", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        print(json.load(response)["choices"][0]["message"]["content"])
    status = server.get_status()
    print(f"running: {status.running}, requests: {status.total_requests}")
finally:
    server.stop()
print(f"running: {server.get_status().running}")
