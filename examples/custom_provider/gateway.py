"""A provider of your own: a company's gateway, which speaks OpenAI's wire with a few differences.

export GATEWAY_URL=https://models.example.com/v1 GATEWAY_KEY=...
python -m modelmesh.proxy --config examples/custom_provider/modelmesh.yaml

`modelmesh.yaml` beside this file names it. What else can differ, and vendors that speak no wire of
OpenAI's at all: docs/cookbook/openai-compatible.md and docs/cookbook/provider.md.
"""

from types import MappingProxyType

from modelmesh.connectors.providers import Sign, openai_compatible
from modelmesh.errors import ErrorKind


class Provider(openai_compatible.Provider):
    connector = "our.gateway.v1"
    name = "Our gateway"
    auth = ("api-key", "{key}")  # the header its key goes in
    renamed = MappingProxyType({"max_completion_tokens": "max_tokens"})
    signs = (Sign(ErrorKind.OVERLOADED, {429}, words={"all_busy"}),)  # not its caller's fault
