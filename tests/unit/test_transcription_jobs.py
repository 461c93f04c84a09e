"""Transcripts which are ordered and asked for until they are done, as a router has it."""

import json
from typing import Any

import pytest
from attrs import evolve
from scene import bad, clock, hosts, pool, target

from modelmesh.config.schema import Retry
from modelmesh.connectors.providers.assemblyai import Provider
from modelmesh.connectors.providers.groq import Provider as Groq
from modelmesh.errors import ErrorKind, RoutingError
from modelmesh.router import Router
from modelmesh.testing.transport import Scripted, ScriptedTransport, reply, silence
from modelmesh.types import Request, Upload

AUDIO = Upload(name="a.wav", content=bytes(range(256)))
UPLOADED = reply(body={"upload_url": "https://cdn.test/1"})
QUEUED = reply(body={"id": "a-1", "status": "queued"})
WORKING = reply(body={"id": "a-1", "status": "processing"})
DONE = reply(body={"id": "a-1", "status": "completed", "text": "Hi.", "audio_duration": 2})
FAILED = reply(body={"id": "a-1", "status": "error", "error": "Internal server error"})


class Scene:
    """AssemblyAI, then Groq, which answer by script."""

    def __init__(self, *script: Scripted) -> None:
        self.clock = clock()
        self.transport = ScriptedTransport(script, self.clock)
        jobs: Any = Provider("a", base_url="http://a.test")
        first = evolve(target("a/universal-2"), provider=jobs, first_token=3.5)
        second = target("b/whisper", of=Groq("b", base_url="http://b.test"))
        self.pool = pool(first, second, retry=Retry(budget=0))

    async def transcript(self, **body: Any) -> Any:
        request = Request(
            id="r",
            model="stt",
            body={"model": "stt", **body},
            endpoint="transcriptions",
            upload=AUDIO,
            headers={"traceparent": "t"},
        )
        return await Router(self.transport, self.clock).route(self.pool, request)


async def test_a_job_is_asked_for_every_second_with_the_same_key_until_it_is_done() -> None:
    told = Scene(UPLOADED, QUEUED, WORKING, WORKING, DONE)
    came = await told.transcript()
    assert json.loads(came.answer.body)["text"] == "Hi."
    upload, order, *polls = told.transport.requests
    assert upload.body == AUDIO.content
    assert [request.method for request in told.transport.requests] == ["POST"] * 2 + ["GET"] * 3
    assert {poll.url for poll in polls} == {"http://a.test/v2/transcript/a-1"}
    key = "sk-a/universal-2"
    assert {request.headers["authorization"] for request in told.transport.requests} == {key}
    assert [request.body for request in polls] == [b""] * 3
    assert json.loads(order.body)["audio_url"] == "https://cdn.test/1"
    assert told.clock.now() == 1003.0
    assert len(came.attempts) == 1


@pytest.mark.parametrize(
    "script",
    [
        [bad(503)],
        [UPLOADED, bad(503)],
        [UPLOADED, QUEUED, bad(503)],
        [UPLOADED, QUEUED, FAILED],
        [UPLOADED, silence()],
        [UPLOADED, *[QUEUED] * 4],
    ],
    ids=["upload", "order", "poll", "job", "silent", "never-done"],
)
async def test_a_job_that_fails_on_any_step_goes_to_the_next_target(
    script: list[Scripted],
) -> None:
    told = Scene(*script, reply(body={"text": "Hi."}))
    came = await told.transcript()
    assert json.loads(came.answer.body) == {"text": "Hi."}
    assert hosts(told.transport) == ["a"] * len(script) + ["b"]
    assert told.transport.open == 0


async def test_a_file_that_is_no_sound_is_the_clients_fault() -> None:
    error = "Transcoding failed. File does not appear to contain audio."
    told = Scene(UPLOADED, reply(body={"id": "a-1", "status": "error", "error": error}))
    with pytest.raises(RoutingError, match="does not appear to contain audio") as raised:
        await told.transcript()
    assert (raised.value.kind, raised.value.status) == (ErrorKind.INVALID_REQUEST, 400)
    assert hosts(told.transport) == ["a"] * 2


async def test_who_wants_a_stream_gets_it_of_another_target() -> None:
    told = Scene(reply(body={"text": "Hi."}))
    came = await told.transcript(stream=True)
    assert [json.loads(payload) async for payload in came.stream] == [
        {"type": "transcript.text.delta", "delta": "Hi."},
        {"type": "transcript.text.done", "text": "Hi."},
    ]
    assert hosts(told.transport) == ["b"]
    await came.close()
