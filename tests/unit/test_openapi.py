"""The document at /openapi.json: it is sound, and says what the code does."""

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from described import Described
from jsonschema import Draft202012Validator as Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from proxy_calls import ask, endpoints, error

import modelmesh
from modelmesh import schemas
from modelmesh.config.schema import ENDPOINTS, MANAGEMENT, OPENAPI_PATH, Auth, Cors, Proxy
from modelmesh.errors import RequestError
from modelmesh.proxy.bodies import ENCODINGS, NOT_THE_CLIENTS
from modelmesh.proxy.feed import LISTENERS
from modelmesh.proxy.gate import Gate
from modelmesh.proxy.openapi import document, server_of
from modelmesh.proxy.routes import PAGE, page_files
from modelmesh.rules import RULES
from modelmesh.sanity import LEAST, check
from modelmesh.types import Endpoint, Secret

SOURCE = Path(modelmesh.__file__).parent
ITS_FILES = page_files().keys() - {PAGE}
TOKEN = Secret("letmein")
EVERY = document()
SETTINGS = [
    None,
    Proxy(),
    Proxy(token=TOKEN),
    Proxy(auth=Auth(admin_tokens=(TOKEN,))),
    Proxy(endpoints=("/v1/models",), page=False),
    Proxy(cors=Cors(origins=("https://app.example",)), forward_headers=("X-Team",)),
]
BODIES: Mapping[Endpoint, str] = {
    "chat": "ChatRequest",
    "embeddings": "EmbeddingsRequest",
    "speech": "SpeechRequest",
    "transcriptions": "TranscriptionRequest",
    "images": "ImagesRequest",
}
SAMPLES: list[Any] = [
    *(None, True, False, 0, 1, -1, 8, 0.5, 2.5, "", "a", "sse", "audio", "float", "base64"),
    *([], [""], ["a"], ["a", "b"], [1], [1, 2], [[1]], [[1], []], [[]], ["a", 1], [True], [1.5]),
    *({}, {"id": "a"}, {"id": ""}, {"id": 1}, {"name": "a"}, [{}], [{"role": "user"}], [{}, "a"]),
]


def operations(told: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def operation(told: Mapping[str, Any], path: str) -> dict[str, Any]:
    (found,) = told["paths"][path].values()
    return dict(found)


def statuses(told: Mapping[str, Any], path: str) -> set[str]:
    return set(operation(told, path)["responses"])


def schema(name: str) -> dict[str, Any]:
    """Return a schema with those it refers to."""
    return {"components": EVERY["components"], "$ref": f"#/components/schemas/{name}"}


def description(told: Mapping[str, Any], path: str, status: str) -> str:
    name = operation(told, path)["responses"][status]["$ref"].rpartition("/")[2]
    return str(told["components"]["responses"][name]["description"])


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
def test_the_document_is_sound_whatever_is_configured(settings: Proxy | None) -> None:
    told = document(settings)
    validate(told, cls=OpenAPIV31SpecValidator)
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    "settings",
    [{}, {"page": False}, {"endpoints": ("/v1/models", "/metrics")}, {"endpoints": ("/",)}],
    ids=["all", "no page", "some", "the page"],
)
async def test_it_has_the_paths_that_are_served_and_their_methods(settings: Any) -> None:
    served = endpoints(**settings)
    routes = {
        path: {method.lower()}
        for path, (method, _) in served._routes.items()
        if path not in ITS_FILES
    }
    told = document(Proxy(**settings))["paths"]
    local = {"content-type": "application/json", "host": "localhost"}
    for path, methods in routes.items():
        (method,) = methods
        place = path.replace("{id}", "chat")
        came = await ask(served, method.upper(), place, body={}, headers=local)
        await came.close()
        nothing = came.status == 404 and b"There is nothing at" in came.body
        assert set(told.get(path, ())) == (set() if nothing else methods), path
    assert told.keys() <= routes.keys()


def test_what_only_the_page_asks_for_is_left_out() -> None:
    assert ITS_FILES
    assert not ITS_FILES & EVERY["paths"].keys()


def test_what_the_code_keeps_in_tables_is_all_there() -> None:
    assert {*ENDPOINTS, OPENAPI_PATH, *MANAGEMENT} <= EVERY["paths"].keys()
    names = [each["operationId"] for _, _, each in operations(EVERY)]
    assert len(names) == len(set(names))


async def test_it_is_served_to_whom_models_are_listed_and_at_the_address_that_was_asked() -> None:
    served = endpoints(token=TOKEN)
    refused = await ask(served, "GET", OPENAPI_PATH)
    assert (refused.status, error(refused)["code"]) == (401, "invalid_api_key")
    headers = {"authorization": "Bearer letmein", "host": "mesh.example:9090"}
    came = await ask(served, "GET", OPENAPI_PATH, headers=headers, peer="10.0.0.1")
    assert came.status == 200
    assert came.headers["content-type"] == "application/json"
    assert json.loads(came.body) == document(Proxy(token=TOKEN), "http://mesh.example:9090")


async def test_it_can_be_left_out_like_any_other_path() -> None:
    assert (await ask(endpoints(endpoints=("/v1/models",)), "GET", OPENAPI_PATH)).status == 404
    assert (await ask(endpoints(endpoints=(OPENAPI_PATH,)), "GET", OPENAPI_PATH)).status == 200


@pytest.mark.parametrize(
    ("headers", "server"),
    [
        ({"host": "localhost:8080"}, "http://localhost:8080"),
        ({"host": "[::1]:8080"}, "http://[::1]:8080"),
        ({"host": "mesh.example", "x-forwarded-proto": "https"}, "https://mesh.example"),
        ({"host": "mesh.example", "x-forwarded-proto": "javascript"}, "http://mesh.example"),
        ({"host": "a/b@evil"}, "/"),
        ({}, "/"),
    ],
)
def test_the_server_is_where_it_was_asked(headers: dict[str, str], server: str) -> None:
    assert server_of(headers) == server


def test_a_server_within_another_one_is_below_its_path() -> None:
    assert server_of({"host": "mesh.example"}, "/ai") == "http://mesh.example/ai"
    assert server_of({}, "/ai") == "/ai"


def test_who_needs_a_token_is_told_so() -> None:
    free, locked = document(Proxy()), document(Proxy(token=TOKEN))
    for path in ("/v1/chat/completions", "/v1/models", "/health", "/v1/mesh/status", OPENAPI_PATH):
        assert operation(locked, path)["security"] == [{"token": []}]
        assert operation(free, path)["security"] == []
        assert operation(EVERY, path)["security"] == [{}, {"token": []}]
        assert "401" in statuses(locked, path)
        assert "401" not in statuses(free, path)
    for path in ("/livez", "/readyz", "/"):
        assert operation(locked, path)["security"] == []
        assert "401" not in statuses(locked, path)


def test_who_looks_inside_from_elsewhere_is_told_so() -> None:
    for path in ("/", "/v1/mesh/status", "/metrics"):
        assert "`local_only`" in description(document(Proxy()), path, "403")
        assert "403" not in statuses(document(Proxy(token=TOKEN)), path)
    admins = document(Proxy(auth=Auth(admin_tokens=(TOKEN,))))
    assert operation(admins, "/metrics")["security"] == [{"token": []}]
    assert operation(admins, "/v1/models")["security"] == []


def test_pages_of_other_origins_are_refused_where_some_are_named() -> None:
    some = document(Proxy(cors=Cors(origins=("https://app.example",))))
    assert "403" in statuses(some, "/v1/embeddings")
    assert "403" not in statuses(some, "/v1/models")
    assert "403" not in statuses(document(Proxy()), "/v1/embeddings")


def test_headers_that_are_passed_on_are_among_the_parameters() -> None:
    told = document(Proxy(forward_headers=("X-Team", "traceparent")))
    names = [each["name"] for each in operation(told, "/v1/embeddings")["parameters"]]
    assert {"x-team", "traceparent", "idempotency-key", "x-request-id", "x-session-id"} <= {*names}
    assert len(names) == len(set(names))


# What a request may be


def sound(name: str, body: Any) -> bool:
    return bool(Validator(schema(name)).is_valid(body))


def taken(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    try:
        check(endpoint, body)
    except RequestError:
        return False
    return True


@pytest.mark.parametrize("endpoint", BODIES)
def test_a_body_is_sound_where_the_proxy_takes_it(endpoint: Endpoint) -> None:
    name = BODIES[endpoint]
    least: dict[str, Any] = {"model": "a"}
    least |= {each: [{}] if each == "messages" else "a" for each in LEAST[endpoint]}
    if endpoint == "transcriptions":
        least["file"] = "UklGRg=="
    assert sound(name, least)
    known = EVERY["components"]["schemas"][name]["properties"].keys() - {"model", "file", "text"}
    for parameter in known:
        for sample in SAMPLES:
            body = {**least, parameter: sample}
            assert sound(name, body) == taken(endpoint, body), (parameter, sample)


@pytest.mark.parametrize("endpoint", BODIES)
def test_what_every_request_has_to_say_is_required(endpoint: Endpoint) -> None:
    required = EVERY["components"]["schemas"][BODIES[endpoint]]["required"]
    assert required == ["model", *LEAST[endpoint]]


def test_a_body_may_be_compressed_as_the_proxy_takes_it() -> None:
    for path in (*ENDPOINTS, "/v1/mesh/explain"):
        (found,) = (
            each["schema"]
            for each in operation(EVERY, path)["parameters"]
            if each["name"] == "content-encoding"
        )
        assert set(found["enum"]) == ENCODINGS


@pytest.mark.parametrize("name", sorted(NOT_THE_CLIENTS))
def test_what_a_request_cannot_set_is_unsound(name: str) -> None:
    body = {"model": "a", "messages": [{}]}
    assert sound("ChatRequest", body)
    assert not sound("ChatRequest", {**body, name: "x"})


# What comes back


def known_fields(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a schema, or of the items of one."""
    while "$ref" in found or "items" in found:
        if "$ref" in found:
            found = EVERY["components"]["schemas"][found["$ref"].rpartition("/")[2]]
        else:
            found = found["items"]
    return dict(found.get("properties", {}))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Completion", schemas.COMPLETION),
        ("CompletionChunk", schemas.CHUNK),
        ("Embeddings", schemas.EMBEDDINGS),
        ("Images", schemas.IMAGES),
        ("ImageEvent", schemas.IMAGE_EVENT),
        ("Transcription", schemas.TRANSCRIPTION),
        ("Transcription", schemas.VERBOSE_TRANSCRIPTION),
        ("Transcription", schemas.DIARIZED_TRANSCRIPTION),
        ("TranscriptionEvent", schemas.TRANSCRIPTION_EVENT),
    ],
)
def test_an_answer_has_the_fields_that_results_have(name: str, fields: schemas.Schema) -> None:
    told = known_fields({"$ref": f"#/components/schemas/{name}"})
    assert fields.keys() <= told.keys()
    for field, inner in fields.items():
        within = known_fields(told[field])
        assert not within or inner.keys() <= within.keys(), field


@pytest.mark.parametrize(
    ("place", "example", "of"),
    [
        (f"{path} {where}", content["example"], content["schema"])
        for path, _, told in operations(EVERY)
        for where, part in (("body", told.get("requestBody", {})), ("ok", told["responses"]["200"]))
        for content in part.get("content", {}).values()
        if "example" in content
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_an_example_is_of_its_schema(place: str, example: Any, of: Any) -> None:
    assert place
    Validator({"components": EVERY["components"], **of}).validate(example)


def keys_within(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from keys_within(inner)
    if isinstance(value, dict):
        yield from value


@pytest.mark.parametrize(
    "file", sorted((SOURCE / "proxy/openapi").glob("*.yaml")), ids=lambda f: f.name
)
def test_no_words_fall_apart_at_a_comma(file: Path) -> None:
    keys = [*keys_within(yaml.safe_load(file.read_text()))]
    assert keys
    assert [key for key in keys if " " in str(key)] == []


def objects_within(value: Any) -> Iterator[dict[str, Any]]:
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from objects_within(inner)
    if isinstance(value, dict):
        yield value


@pytest.mark.parametrize("name", EVERY["components"]["schemas"])
def test_a_program_can_be_made_of_every_schema(name: str) -> None:
    for found in objects_within(EVERY["components"]["schemas"][name]):
        assert "array" not in found.get("type", ()) or "items" in found
        if "properties" in found:
            assert {*found.get("required", ())} <= found["properties"].keys()


def test_every_tag_is_told_of() -> None:
    used = [tag for _, _, each in operations(EVERY) for tag in each["tags"]]
    assert [tag["name"] for tag in EVERY["tags"]] == list(dict.fromkeys(used))
    assert all(tag["description"] for tag in EVERY["tags"])


# What may go wrong


def codes_in_the_source() -> Iterator[str]:
    """Give the codes which the proxy's own errors have, and those of what is in a target's way."""
    files = [*(SOURCE / "proxy").rglob("*.py"), SOURCE / "obstacle.py", SOURCE / "directory.py"]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.keyword(arg="code", value=value):
                    yield from texts(value)
                case ast.Assign(targets=[ast.Name(id="code")], value=value):
                    yield from texts(value)


def texts(node: ast.expr) -> Iterator[str]:
    for each in [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def test_every_code_is_told_of() -> None:
    codes = {*codes_in_the_source(), *(rule.code for rule in RULES.values() if rule.code)}
    assert {"invalid_api_key", "local_only", "shutting_down", "unsupported_by_model"} <= codes
    told = "".join(each["description"] for each in EVERY["components"]["responses"].values())
    assert {code for code in codes if f"`{code}`" not in told} == set()


@pytest.mark.parametrize("kind", RULES, ids=str)
def test_every_kind_of_failure_has_its_status(kind: Any) -> None:
    rule = RULES[kind]
    told = description(EVERY, "/v1/chat/completions", str(rule.status or "4XX"))
    assert f"`{rule.code}`: " in told or rule.code is None


def test_an_error_cannot_have_a_code_of_another_status() -> None:
    name = operation(EVERY, "/v1/models")["responses"]["401"]["$ref"].rpartition("/")[2]
    found = EVERY["components"]["responses"][name]["content"]["application/json"]["schema"]
    validator = Validator({"components": EVERY["components"], **found})
    body = {"error": {"message": "", "type": "", "param": None, "code": "invalid_api_key"}}
    assert validator.is_valid(body)
    assert not validator.is_valid({"error": {**body["error"], "code": "overloaded"}})
    assert not validator.is_valid({"error": {"message": ""}})


async def test_a_bug_and_a_stop_come_as_told() -> None:
    def broken() -> Mapping[str, Any]:
        raise KeyError

    gate = Gate()
    gate.drain(10)
    bug = await ask(endpoints(status=broken), "GET", "/health")
    stop = await ask(endpoints(gate=gate), "GET", "/v1/models")
    for path, came, status in (("/health", bug, 500), ("/v1/models", stop, 503)):
        Described(EVERY).check("get", path, came.status, came.headers, came.body)
        assert came.status == status


async def test_one_listener_too_many_is_told() -> None:
    served, local = endpoints(), {"host": "localhost"}
    listening = [
        await ask(served, "GET", "/v1/mesh/events", headers=local) for _ in range(LISTENERS)
    ]
    came = await ask(served, "GET", "/v1/mesh/events", headers=local)
    Described(EVERY).check("get", "/v1/mesh/events", came.status, came.headers, came.body)
    assert (came.status, error(came)["code"]) == (503, "too_many_listeners")
    for one in listening:
        await one.close()
