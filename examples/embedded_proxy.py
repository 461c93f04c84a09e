"""The proxy inside another program, beside whatever else that does."""

import json
import urllib.request

from modelmesh.proxy import ProxyServer

server = ProxyServer(config="modelmesh.yaml", host="127.0.0.1", port=0, token="my-secret")
server.start(block=False)
try:
    status = server.get_status()
    print(f"running: {status.running}")
    request = urllib.request.Request(
        f"http://{status.host}:{status.port}/v1/models",
        headers={"Authorization": "Bearer my-secret"},
    )
    with urllib.request.urlopen(request) as response:
        print([model["id"] for model in json.load(response)["data"]])
finally:
    server.stop()
