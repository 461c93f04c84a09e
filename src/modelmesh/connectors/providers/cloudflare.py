"""Cloudflare Workers AI.

https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/; the codes of its
errors are at https://developers.cloudflare.com/workers-ai/platform/errors/.
"""

from types import MappingProxyType
from typing import Final

from attrs import field, frozen
from attrs.validators import matches_re, optional

from modelmesh.connectors.providers import openai_compatible
from modelmesh.connectors.providers._embeddings import Embeddings
from modelmesh.connectors.providers._errors import Sign
from modelmesh.connectors.providers._messages import FOREIGN, Messages
from modelmesh.errors import ErrorKind

_API: Final = "https://api.cloudflare.com/client/v4/accounts"


class Provider(openai_compatible.Provider):
    connector = "cloudflare.workersai.v1"
    name = "Cloudflare Workers AI"
    quotas = ()
    key_names = ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY")
    option_names = MappingProxyType({"account_id": "CLOUDFLARE_ACCOUNT_ID"})
    models = ("@cf/google/gemma-4-26b-a4b-it", "@cf/openai/gpt-oss-20b")
    messages = Messages(refuses=FOREIGN, developer=False)
    translators = MappingProxyType(
        {"embeddings": Embeddings(accepts=frozenset(), formats=frozenset(), tokens=False, most=100)}
    )
    signs = (
        Sign(ErrorKind.QUOTA_EXHAUSTED, {429}, words={"3036"}),
        Sign(ErrorKind.OVERLOADED, {429}, words={"3040"}),
        Sign(ErrorKind.MODEL_NOT_FOUND, {400, 404}, words={"5007"}),
        Sign(ErrorKind.BAD_KEY, {401, 403}, words={"10000"}),
    )

    @frozen(kw_only=True)
    class Options(openai_compatible.Provider.Options):
        """Settings of the vendor's own."""

        # The account; part of the address.
        account_id: str | None = field(default=None, validator=optional(matches_re(r"[\w-]+")))

    def address(self) -> str:
        if not self.options.account_id:
            raise ValueError(
                f"{self.connector} needs an account_id (CLOUDFLARE_ACCOUNT_ID) or a base_url"
            )
        return f"{_API}/{self.options.account_id}/ai/v1"

    def _at(self, path: str, model: str = "") -> str:
        if path == self.models_path:
            return f"{self._url.removesuffix('/v1')}/models/search"
        return super()._at(path, model)
