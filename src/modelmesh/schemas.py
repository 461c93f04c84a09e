"""The fields of OpenAI's answers: what clients may ask of a result, be it there or not.

https://platform.openai.com/docs/api-reference has them all.
"""

from typing import Final, TypeAlias

Schema: TypeAlias = dict[str, "Schema"]
"""The fields that OpenAI's schema gives an object, and for each those of what is in it."""

NOTHING: Final[Schema] = {}


def _schema(plain: str, **objects: Schema) -> Schema:
    return dict.fromkeys(plain.split(), NOTHING) | objects


_TOKEN = _schema("token bytes logprob", top_logprobs=_schema("token bytes logprob"))
_LOGPROBS = _schema("", content=_TOKEN, refusal=_TOKEN)
_FUNCTION = _schema("name arguments")
_USAGE = _schema(
    "prompt_tokens completion_tokens total_tokens",
    prompt_tokens_details=_schema(
        "audio_tokens cache_write_tokens cached_tokens image_tokens text_tokens"
    ),
    completion_tokens_details=_schema(
        "accepted_prediction_tokens audio_tokens reasoning_tokens rejected_prediction_tokens"
        " text_tokens"
    ),
)
_VERDICT = _schema("categories category_applied_input_types category_scores flagged model type")
_MODERATION = _schema("code message model type", results=_VERDICT)
_COMMON = _schema(
    "id object created model service_tier system_fingerprint",
    usage=_USAGE,
    moderation=_schema("", input=_MODERATION, output=_MODERATION),
)
_MESSAGE = _schema(
    "role content refusal",
    annotations=_schema("type", url_citation=_schema("start_index end_index title url")),
    audio=_schema("id data expires_at transcript"),
    function_call=_FUNCTION,
    tool_calls=_schema("id type", function=_FUNCTION, custom=_schema("name input")),
)
_DELTA = _schema(
    "role content refusal",
    audio=_schema("id data expires_at transcript"),
    function_call=_FUNCTION,
    tool_calls=_schema("index id type", function=_FUNCTION),
)

COMPLETION: Final = _COMMON | _schema(
    "metadata",
    choices=_schema("finish_reason index", logprobs=_LOGPROBS, message=_MESSAGE),
)
CHUNK: Final = _COMMON | _schema(
    "obfuscation",
    choices=_schema("finish_reason index", logprobs=_LOGPROBS, delta=_DELTA),
)
MODEL: Final = _schema("id object created owned_by shutdown_date")


EMBEDDINGS: Final = _schema(
    "object model",
    data=_schema("object index embedding"),
    usage=_schema("prompt_tokens total_tokens"),
)

_IMAGE_TOKENS = _schema("image_tokens text_tokens")
_IMAGE_USAGE = _schema(
    "input_tokens output_tokens total_tokens", input_tokens_details=_IMAGE_TOKENS
)
_PICTURE = "background output_format quality safety_identifier size"

IMAGES: Final = _schema(
    f"created {_PICTURE}",
    data=_schema("b64_json revised_prompt url"),
    usage=_IMAGE_USAGE | _schema("", output_tokens_details=_IMAGE_TOKENS),
    svg_usage=_schema("input_tokens model output_tokens reasoning_tokens total_tokens"),
)
IMAGE_EVENT: Final = _schema(
    f"type b64_json created_at partial_image_index {_PICTURE}", usage=_IMAGE_USAGE
)

_LANGUAGES = _schema("code")
_TOKENS = _schema("token bytes logprob")
_DURATION = _schema("type seconds")
_HEARD = _schema(
    "type input_tokens output_tokens total_tokens",
    input_token_details=_schema("audio_tokens text_tokens"),
)
_SPOKEN = "id start end text"

TRANSCRIPTION: Final = _schema(
    "text", languages=_LANGUAGES, logprobs=_TOKENS, usage=_HEARD | _DURATION
)
VERBOSE_TRANSCRIPTION: Final = _schema(
    "text language duration",
    segments=_schema(
        f"{_SPOKEN} avg_logprob compression_ratio no_speech_prob seek temperature tokens"
    ),
    words=_schema("word start end"),
    usage=_DURATION,
)
DIARIZED_TRANSCRIPTION: Final = _schema(
    "text task duration",
    segments=_schema(f"{_SPOKEN} type speaker"),
    usage=_HEARD | _DURATION,
)
TRANSCRIPTION_EVENT: Final = _schema(
    f"{_SPOKEN} type speaker delta segment_id",
    languages=_LANGUAGES,
    logprobs=_TOKENS,
    usage=_HEARD,
)
