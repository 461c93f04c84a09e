"""The words of docs/configuration.md which are not in the schema: its beginning, its examples."""

from collections.abc import Mapping
from typing import Final

INTRODUCTION: Final = """\
# Configuration

Without any file the proxy and `modelmesh.create` use every provider whose key, or whose server's
address, is in the environment. A file says more: which models, in which pools, tried in which
order. It is YAML, and all of it is optional:

```yaml
providers:
  openai.llm.v1:
    api_key: ${secrets:OPENAI_API_KEY}
  groq.api.v1:
    api_key: ${secrets:GROQ_API_KEY}
models:
  gpt-4o-mini:
    provider: openai.llm.v1
  openai/gpt-oss-20b:
    provider: groq.api.v1
pools:
  chat:
    capability: chat-completion
```

Give it with `python -m modelmesh.proxy --config modelmesh.yaml`, or as
`modelmesh.create(config="modelmesh.yaml")`, where a dict of the same shape does as well.
`modelmesh check modelmesh.yaml` shows what it sets up, or every mistake in it with its line:

```text
modelmesh.yaml: 2 problems
  line 9: models.openai/gpt-oss-20b.provider: unknown provider 'groq'; did you mean 'groq.api.v1'?
  line 12: pools.chat.stratgy: unknown key 'stratgy'; did you mean 'strategy'?
```

**Secrets.** `${secrets:NAME}` anywhere in a text is replaced by what the
[secret store](secrets.md) has by that name. A value marked *secret* below is shown to nobody, not
in logs and not in errors.

**Durations** are numbers of seconds, or have a unit: `500ms`, `60s`, `5m`, `1h`, `1d`.
**Sizes** are numbers of bytes, or have a unit: `64KiB`, `64MiB`, `1GiB`; `kB`, `MB` and `GB` count
in thousands.

**Host, port and token** of the proxy: a flag or an argument (`--port 9090`) goes before `proxy:` in
the file, and that before the default: `0.0.0.0`, `8080`, no token.

**Text, numbers, true and false** are taken as YAML 1.2 has them. `true` is not `"true"`, `yes` is
text, `22:00` is text. A key given twice is a mistake.
"""

EXAMPLES: Final[Mapping[str, str]] = {
    "secrets": """
secrets:
  store: modelmesh.dotenv.v1     # or another store: see secrets.md
  path: .env
""",
    "capabilities": """
capabilities:
  - understanding.text-understanding.spam-detection
""",
    "providers": """
providers:
  groq.api.v1:                    # a connector id, or any name with `connector:`
    api_key: ${secrets:GROQ_API_KEY}
    timeouts: {first_token: 10s}
  openai:
    connector: openai.llm.v1
    config:                       # the same keys, if you like them in a section of their own
      api_keys: ["${secrets:OPENAI_A}", "${secrets:OPENAI_B}"]
  our-server:
    connector: openai-compatible  # any server that speaks OpenAI's API
    base_url: http://127.0.0.1:9202/v1
""",
    "models": """
models:
  fast:
    provider: groq.api.v1
    model: openai/gpt-oss-20b     # what the vendor calls it
    capabilities: [chat-completion]
    pricing: {input: 0.075, output: 0.30}
  gpt-4o-mini:
    provider: openai
""",
    "pools": """
pools:
  text-generation:                # this name is a capability's, so there is no need to say which
    provider_priority: [groq.api.v1, openai]
  support:
    models: [fast, gpt-4o-mini]   # exactly these
    recovery: {cooldown: 1m}
    retry: {max_attempts: 3}
""",
    "storage": """
storage:
  connector: modelmesh.sqlite.v1
  path: ./state.db
  sync_policy: immediate
""",
    "observability": """
observability:
  logging:
    connector: modelmesh.console.v1
    level: summary
""",
    "discovery": """
discovery:
  sync: {enabled: true, interval: 1h}
  health: {enabled: true, interval: 60s}
""",
    "connectors": """
connectors:
  my.vendor.v1: my_package.vendor:Provider
""",
    "transport": """
transport: aiohttp
""",
    "proxy": """
proxy:
  port: 9090
  token: ${secrets:PROXY_TOKEN}
  cors: {origins: ["https://app.example.com"]}
""",
}
"""An example for each section, by its key."""
