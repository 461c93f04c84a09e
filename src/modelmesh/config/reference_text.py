"""The words of docs/configuration.md which are not in the schema: its beginning, its examples."""

from collections.abc import Mapping
from typing import Final

INTRODUCTION: Final = """\
# Configuration

For anyone who writes a configuration file: every section and every key. Without a file the proxy
and `modelmesh.create` use every provider whose key, or whose server's address, is in the
environment. A file says more: which models, in which pools, tried in which order. It is YAML, and
every part of it is optional:

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

Pass it as `python -m modelmesh.proxy --config modelmesh.yaml`, or as
`modelmesh.create(config="modelmesh.yaml")`; instead of a file, `create` also takes a dict.
`modelmesh check modelmesh.yaml` shows what it sets up, or every mistake in it with its line:

```text
modelmesh.yaml: 2 problems
  line 9: models.openai/gpt-oss-20b.provider: unknown provider 'groq'; did you mean 'groq.api.v1'?
  line 12: pools.chat.stratgy: unknown key 'stratgy'; did you mean 'strategy'?
```

**Secrets.** `${secrets:NAME}` anywhere in a value is replaced by the secret of that name in the
[secret store](secrets.md). A value marked *secret* below never appears anywhere, not even in logs
or errors.

**Durations** are numbers of seconds, or have a unit: `500ms`, `60s`, `5m`, `1h`, `1d`.
**Sizes** are numbers of bytes, or have a unit: `64KiB`, `64MiB`, `1GiB`; `kB`, `MB` and `GB` count
in thousands.

**Host, port and token** of the proxy: a flag or an argument (`--port 9090`) overrides `proxy:` in
the file, which overrides the default: `0.0.0.0`, `8080`, no token.

**Text, numbers, true and false** follow YAML 1.2: `true` is not `"true"`; `yes` and `22:00`
are text. A key given twice is a mistake.
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
