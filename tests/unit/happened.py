"""What observers are told, in a line each: of a request, its attempt, and its end."""

from typing import Any

from modelmesh.events import AttemptEnded, RequestBegan, RequestEnded


def began(**more: Any) -> RequestBegan:
    usual: dict[str, Any] = {"at": 0.0, "request": "r1", "model": "chat", "pool": "chat"}
    return RequestBegan(**{**usual, "endpoint": "chat", "stream": False, "body": {}, **more})


def attempt(**more: Any) -> AttemptEnded:
    usual: dict[str, Any] = {"at": 0.0, "request": "r1", "pool": "chat", "target": "a/x"}
    usual |= {"provider": "a", "model": "x", "end": "answered", "seconds": 1.0}
    return AttemptEnded(**{**usual, **more})


def ended(**more: Any) -> RequestEnded:
    usual: dict[str, Any] = {"at": 0.0, "request": "r1", "model": "chat", "pool": "chat"}
    usual |= {"endpoint": "chat", "stream": False, "end": "answered", "status": 200}
    return RequestEnded(**{**usual, "seconds": 1.0, **more})
