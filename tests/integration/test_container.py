"""The image as it is built and run, replayed from the Dockerfile: see `replayed_image`."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dockerfile import instructions
from replayed_image import Build, Container, Image, can_replay, running

ROOT = Path(__file__).parents[2]
CONFIG = "/app/modelmesh.yaml"
BY_THE_GUIDE = ("--config", CONFIG, "--host", "0.0.0.0", "--port", "8080")
# A client that tells of each event when it comes, and of the whole reply's status.
CLIENT = """
import json, sys, urllib.request
body = {"model": "chat", "messages": [{"role": "user", "content": "Hello!"}], "stream": True}
request = urllib.request.Request(
    "http://127.0.0.1:8080/v1/chat/completions",
    json.dumps(body).encode(), {"Content-Type": "application/json"})
for line in urllib.request.urlopen(request):
    if line.strip():
        print(line.decode().strip(), flush=True)
"""
# A server that answers every request alike.
ANSWERS = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]))
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 8080), Answer)
print("ready", flush=True)
server.serve_forever()
"""

pytestmark = [can_replay, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return Build(ROOT, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def image(build: Build) -> Image:
    return build.image()


def served(fault: str = "ok", **more: Any) -> dict[str, Any]:
    """Return a configuration over the vendor that `vendor_in` starts."""
    return {
        "providers": {
            "mock": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:8089/v1"}
        },
        "models": {
            fault: {
                "provider": "mock",
                "capabilities": ["chat-completion"],
                "pricing": {"per_request": 0.01},
            }
        },
        "pools": {"chat": {"models": [fault]}},
        **more,
    }


@contextmanager
def serving(
    image: Image, folder: Path, config: Mapping[str, Any], *flags: str
) -> Iterator[Container]:
    """Run the image with a configuration, as the guide says, and a vendor beside it."""
    file = folder / "modelmesh.yaml"
    file.write_text(json.dumps(config))
    with running(
        image, folder / "volume", *BY_THE_GUIDE, *flags, mounted={CONFIG: file}
    ) as container:
        container.until_said("listens at")
        vendor = container.begin("modelmesh", "mock-upstream")
        assert vendor.stdout
        assert "fails on request" in vendor.stdout.readline()
        yield container


def test_the_image_has_the_package_with_its_extras_and_nothing_to_build_with(
    build: Build, image: Image
) -> None:
    (extras,) = (
        one.rest.removeprefix("EXTRAS=")
        for one in instructions((ROOT / "Dockerfile").read_text())
        if one.word == "ARG"
    )
    assert extras == "proxy,redis,prometheus,opentelemetry"
    code = (
        "import httptools, uvloop, orjson, redis, prometheus_client, opentelemetry.sdk, modelmesh;"
        "print(modelmesh.__file__)"
    )
    with running(image, image.root.parent / "looked-at", env={"OPENAI_API_KEY": "k"}) as container:
        container.until_said("listens at")
        assert container.run("python", "-c", code).stdout.startswith("/opt/modelmesh/lib/")
        pip = container.run("/opt/modelmesh/bin/python", "-m", "pip", "--version")
        assert "No module named pip" in pip.stderr
    assert not [path.name for path in (image.root / "opt/modelmesh/bin").glob("pip*")]
    assert sorted(path.name for path in (image.root / "opt").iterdir()) == ["modelmesh"]
    assert not (image.root / "src").exists()
    assert not (image.root / "wheels").exists()
    assert not list((build.stages["build"].root / "root").glob(".cache"))


def test_a_build_sees_the_sources_and_nothing_else(build: Build, image: Image) -> None:
    assert image.root == build.stages["last"].root
    seen = build.stages["build"].root / "src"
    assert {path.name for path in seen.iterdir()} >= {"LICENSE", "README.md", "pyproject.toml"}
    assert not list(seen.rglob("*.pyc"))
    assert not {"tests", "docs", ".git", ".env", ".venv"} & {path.name for path in seen.iterdir()}


def test_what_it_says_is_seen_at_once_and_no_module_comes_from_its_volume(
    image: Image, tmp_path: Path
) -> None:
    with running(image, tmp_path / "volume", "--demo") as container:
        container.until_said("listens at")
        code = "import sys; print(sys.stdout.write_through, '' in sys.path, sys.flags.safe_path)"
        assert container.run("python", "-c", code).stdout == "True False True\n"


def test_the_guides_first_option_serves_by_the_keys_in_the_environment(
    image: Image, tmp_path: Path
) -> None:
    keys = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a"}
    flags = ("--host", "0.0.0.0", "--port", "8080")
    with running(image, tmp_path / "volume", *flags, env=keys) as container:
        container.until_said("listens at")
        code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/health').read())"
        assert b"running" in container.run("python", "-c", code).stdout.encode()
    assert list(flags) == image.command


def test_the_guides_second_option_serves_the_example_by_the_guides_keys(
    image: Image, tmp_path: Path
) -> None:
    keys = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a", "GROQ_API_KEY": "gsk_g"}
    example = {CONFIG: ROOT / "examples/modelmesh.yaml"}
    volume = tmp_path / "volume"
    with running(image, volume, *BY_THE_GUIDE, env=keys, mounted=example) as container:
        container.until_said("listens at")
        code = "import socket; print(socket.create_connection(('127.0.0.2', 8080)).getpeername())"
        assert "127.0.0.2" in container.run("python", "-c", code).stdout, "it listens everywhere"


def test_it_may_write_into_its_volume_and_nowhere_else(image: Image, tmp_path: Path) -> None:
    config = served(storage={}, pools={"chat": {"models": ["ok"]}})
    config["providers"]["mock"]["budget"] = {"daily_limit": 1.0}
    with serving(image, tmp_path, config) as container:
        assert "[DONE]" in container.run("python", "-c", CLIENT).stdout
        code = "import os; print(os.getuid(), os.getgid(), os.getgroups(), os.getpid() > 1)"
        assert container.run("python", "-c", code).stdout == "10001 10001 [] True\n"
        for place in ("/", "/app", "/opt/modelmesh/bin", "/tmp", "/var", "/etc"):
            refused = container.run("touch", f"{place}/mine")
            assert refused.returncode != 0, place
        assert container.run("touch", "mine").returncode == 0
    kept = {path.name: path.stat().st_uid for path in (tmp_path / "volume").iterdir()}
    assert kept["modelmesh-state.db"] == kept["mine"] == 10001


def test_several_workers_need_no_other_place_to_write_their_metrics(
    image: Image, tmp_path: Path
) -> None:
    config = served(observability={"statistics": {"connector": "modelmesh.prometheus.v1"}})
    with serving(image, tmp_path, config, "--workers", "2") as container:
        assert "[DONE]" in container.run("python", "-c", CLIENT).stdout
        code = "import urllib.request as u; print(u.urlopen('http://localhost:8080/metrics').read().decode())"
        assert "modelmesh_requests_total" in container.run("python", "-c", code).stdout
        container.signal(signal.SIGTERM)
        assert container.ended() == 0


def test_it_is_healthy_while_it_serves(image: Image, tmp_path: Path) -> None:
    with running(image, tmp_path / "volume", env={"OPENAI_API_KEY": "k"}) as container:
        container.until_said("listens at")
        # A proxy for vendors is none for the check.
        elsewhere = ("env", "http_proxy=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9")
        done = container.run(*elsewhere, *image.check)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 1), (503, 1)])
def test_it_is_ill_unless_the_status_is_200(
    image: Image, tmp_path: Path, status: int, code: int
) -> None:
    with running(image, tmp_path / "volume", "--demo", "--port", "8081") as container:
        container.until_said("listens at")
        assert container.run(*image.check).returncode == 1, "nobody is there"
        answering = container.begin("python", "-c", ANSWERS, str(status))
        assert answering.stdout
        assert answering.stdout.readline() == "ready\n"
        assert container.run(*image.check).returncode == code


def test_it_is_ill_when_it_does_not_answer_in_time(image: Image, tmp_path: Path) -> None:
    with running(image, tmp_path / "volume", env={"OPENAI_API_KEY": "k"}) as container:
        container.until_said("listens at")
        container.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert container.run(*image.check).returncode != 0
        assert 1.5 < time.monotonic() - began < 3.0, "within the timeout of the HEALTHCHECK"


def test_a_stream_in_flight_ends_whole_after_sigterm_and_then_it_ends_with_0(
    image: Image, tmp_path: Path
) -> None:
    with serving(image, tmp_path, served("steady~chunks=8~gap=0.2")) as container:
        client = container.begin("python", "-c", CLIENT)
        assert client.stdout
        first = client.stdout.readline()
        container.signal(signal.SIGTERM)
        container.until_said("stopping")
        events = [first, *client.stdout]
        assert len(events) >= 8
        assert events[-1].strip() == "data: [DONE]"
        assert container.ended() == 0


def test_sighup_has_it_read_the_mounted_file_again(image: Image, tmp_path: Path) -> None:
    with serving(image, tmp_path, served()) as container:
        # In place: a mounted file that is replaced by another one stays the old one in there.
        (tmp_path / "modelmesh.yaml").write_text(
            json.dumps(served(pools={"chat": {"models": ["ok"]}, "second": {"models": ["ok"]}}))
        )
        container.signal(signal.SIGHUP)
        container.until_said("pools.second")
        container.signal(signal.SIGTERM)
        assert container.ended() == 0


def test_a_wrong_configuration_ends_it_with_the_line(image: Image, tmp_path: Path) -> None:
    file = tmp_path / "modelmesh.yaml"
    file.write_text("pools:\n  chat: {stratgy: x}\n")
    volume = tmp_path / "volume"
    with running(image, volume, *BY_THE_GUIDE, mounted={CONFIG: file}) as container:
        container.until_said("line 2: pools.chat.stratgy")
        assert container.ended() == 1


def test_without_keys_and_configuration_it_ends_with_2_and_says_what_it_looked_for(
    image: Image, tmp_path: Path
) -> None:
    with running(image, tmp_path / "volume") as container:
        container.until_said("OPENAI_API_KEY")
        assert container.ended() == 2


def test_a_step_that_fails_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\nRUN echo so it is && false\n")
    (tmp_path / "images").mkdir()
    with pytest.raises(AssertionError, match="so it is"):
        Build(tmp_path, tmp_path / "images").image()
