"""nginx with one worker, which neither reads nor counts what it passes on."""

import shutil
import subprocess
from typing import Final

from benchmarks.doors import Door
from benchmarks.programs import Program

_CONFIG: Final = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 2m;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream vendor { server %(vendor)s; keepalive 2048; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location / {
      proxy_pass http://vendor;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
"""


def available() -> str:
    path = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not path:
        return ""
    said = subprocess.run([path, "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().rpartition("/")[2]


def start(port: int, vendor_url: str) -> tuple[Door, Program]:
    config = _CONFIG % {"vendor": vendor_url.removeprefix("http://"), "port": port}
    command = ["sh", "-c", 'exec "$(command -v nginx || echo /usr/sbin/nginx)" -p . -c nginx.conf']
    return Door(port=port), Program(command, files={"nginx.conf": config})
