"""Azure OpenAI. https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle.

The name of a model is that of a deployment. With an `api_version` the older addresses are used,
which have the deployment in them.
"""

from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from attrs import field, frozen
from attrs.validators import matches_re, optional

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._learned import MINUTE, quota
from modelmesh.connectors.providers._messages import STATE, Messages
from modelmesh.connectors.providers.openai import IMAGES, REASONING, SPEECH, TRANSCRIPTIONS

_WORD: Final = optional(matches_re(r"[\w.-]+"))


class Provider(openai_compatible.Provider):
    connector = "azure.openai.v1"
    name = "Azure OpenAI"
    # The windows have a minute. A reset is in seconds with some models, in thousandths with others.
    quotas = (
        quota("requests", MINUTE, "requests", longest=MINUTE),
        quota("tokens", MINUTE, "tokens", longest=MINUTE),
    )
    # https://learn.microsoft.com/en-us/azure/ai-foundry/openai/quotas-limits: each deployment's
    per_model = True
    key_names = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
    url_names = ("AZURE_OPENAI_ENDPOINT",)
    option_names = MappingProxyType(
        {"resource": "AZURE_RESOURCE_NAME", "api_version": "OPENAI_API_VERSION"}
    )
    auth = ("api-key", "{key}")
    reasoning = REASONING
    messages = Messages(refuses=STATE)
    translators = MappingProxyType(
        {
            **openai_compatible.Provider.translators,
            "embeddings": Embeddings(most=2048),
            "images": IMAGES,
            "speech": SPEECH,
            "transcriptions": TRANSCRIPTIONS,
        }
    )

    @frozen(kw_only=True)
    class Options(openai_compatible.Provider.Options):
        """Where the deployments are, and by which version they are asked."""

        # The first part of the address `https://….openai.azure.com`.
        resource: str | None = field(default=None, validator=_WORD)
        # Asks by the older addresses, which name version and deployment.
        api_version: str | None = field(default=None, validator=_WORD)

    def address(self) -> str:
        if not self.options.resource:
            raise ValueError(
                f"{self.connector} needs a resource (AZURE_RESOURCE_NAME)"
                " or a base_url (AZURE_OPENAI_ENDPOINT)"
            )
        return f"https://{self.options.resource}.openai.azure.com"

    def completed(self, base_url: str) -> str:
        """Add the path to an address without one, such as AZURE_OPENAI_ENDPOINT holds."""
        bare = urlsplit(base_url).path.strip("/") == ""
        return f"{base_url.rstrip('/')}/openai/v1" if bare else base_url

    def _at(self, path: str, model: str = "") -> str:
        version = self.options.api_version
        if not version:
            return super()._at(path, model)
        deployment = f"/deployments/{quote(model, safe='')}" if model else ""
        return f"{self._url.removesuffix('/v1')}{deployment}{path}?api-version={version}"
