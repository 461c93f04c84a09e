"""The rules which requests for transcripts keep: where they go, their fields, the file's bytes.

The measure is what OpenAI takes (https://platform.openai.com/docs/api-reference/audio) and what
vendors' pages name.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from request_rules_openai import words

from modelmesh.proxy import forms
from modelmesh.types import HttpRequest, Upload

Body = Mapping[str, Any]

FORMS: Final = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
AUDIO: Final = Upload(name="a.wav", content_type="audio/wav", content=bytes(range(256)))

_OPENAI: Final = words(
    """model chunking_strategy include keywords known_speaker_names known_speaker_references
    language languages prompt response_format temperature timestamp_granularities stream"""
)
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "groq.api.v1": words(
        "model language prompt response_format temperature timestamp_granularities url"
    ),
    "mistral.api.v1": words(
        """model language temperature timestamp_granularities diarize context_bias stream
        file_url file_id"""
    ),
    "openrouter.api.v1": words(
        "model language response_format temperature timestamp_granularities"
    ),
    "together.api.v1": words(
        "model language prompt response_format temperature timestamp_granularities"
    ),
    "xai.api.v1": words("model language diarize keyterm format multichannel channels url"),
    "elevenlabs.tts.v1": words(
        """model_id language_code tag_audio_events num_speakers timestamps_granularity diarize
        temperature seed keyterms"""
    ),
}
_QUERY: Final = words(
    "model language detect_language smart_format utterances diarize keyterm punctuate"
)
_PATHS: Final[Mapping[str, str]] = {
    "deepgram.stt.v1": "/v1/listen",
    "elevenlabs.tts.v1": "/v1/speech-to-text",
    "xai.api.v1": "/v1/stt",
}


def request_complaints(connector: str, made: HttpRequest) -> list[str]:
    """Judge what is sent to the vendor of a connector whose requests hold the file."""
    url = urlsplit(made.url)
    found = []
    if not url.path.endswith(_PATHS.get(connector, "/audio/transcriptions")):
        found.append(f"{url.path} makes no transcripts")
    if connector == "deepgram.stt.v1":
        found += [f"{name} is unknown" for name in parse_qs(url.query).keys() - _QUERY]
        return found if made.body == AUDIO.content else [*found, "the file is not what came"]
    form = forms.parse(made.body, made.headers["content-type"])
    if form.files != {"file": AUDIO}:
        found.append("the file is not what came")
    return found + list(field_complaints(connector, form.fields))


def field_complaints(connector: str, fields: Body) -> Iterator[str]:
    """Judge the fields of a form."""
    yield from (f"{name} is unknown" for name in fields.keys() - _FIELDS.get(connector, _OPENAI))
    model, form = str(fields.get("model")), fields.get("response_format", "json")
    if connector in ("openai.llm.v1", "azure.openai.v1"):
        yield from _openai_complaints(model, form, fields)
    elif form not in ("json", "text", "verbose_json"):
        yield f"response_format is {form!r}"
    if connector == "mistral.api.v1" and {"language", "timestamp_granularities"} <= fields.keys():
        yield "timestamp_granularities beside language are refused"


def _openai_complaints(model: str, form: str, fields: Body) -> Iterator[str]:
    diarizes = model == "gpt-4o-transcribe-diarize"
    if model == "whisper-1":
        allowed = {"json", "text", "srt", "vtt", "verbose_json"}
    elif diarizes:
        allowed = {"json", "text", "diarized_json"}
    elif "transcribe" in model:
        allowed = {"json"}
    else:
        allowed = {*FORMS}
    if form not in allowed:
        yield f"{model} has no {form}"
    if diarizes:
        refused = {"prompt", "include", "timestamp_granularities"} & fields.keys()
        yield from (f"{name} is refused" for name in refused)
