"""A store in Redis, for several hosts. It needs the library of that name, the extra `redis`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attrs import frozen

from modelmesh.config import schema
from modelmesh.errors import ConfigError, Problem
from modelmesh.ledger.claims import LIFE, SIGN, Claim, Grant
from modelmesh.state import Note

_TIMEOUT: Final = 0.25
"""Seconds: what a busy host or a hop between zones costs is not yet a store that is away."""

_CLAIM: Final = """
local cell, holder, wall, known = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local ends, mine, wanted = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local least, amount = tonumber(ARGV[8]), tonumber(ARGV[9])
local ended, folds, sign = ARGV[10] == '1', ARGV[11] == '1', holder .. ' ' .. ARGV[12]
local kept = redis.call('HGETALL', KEYS[1])
local found, left, last, others = false, amount - mine, ends, {}
for i = 1, #kept, 2 do
  local till, much = string.match(kept[i + 1], '^(%S+) (%S+)$')
  if tonumber(till) <= wall then
    redis.call('HDEL', KEYS[1], kept[i])
  elseif kept[i] == cell then
    found = true
  elseif string.match(kept[i], ' (%S+)$') == ARGV[12] then
    last = math.max(last, tonumber(till))
  else
    left = left - tonumber(much)
    last = math.max(last, tonumber(till))
    if string.sub(kept[i], 1, #holder + 1) ~= holder .. ' ' then
      others[#others + 1] = till
      others[#others + 1] = much
    end
  end
end
local got, forgot = 0, known and not found
if wanted > 0 and left >= least and not forgot then
  got = math.min(left, math.max(least, math.min(wanted, math.floor(left / 8))))
end
if mine + got > 0 then
  redis.call('HSET', KEYS[1], cell, ARGV[5] .. ' ' .. string.format('%.0f', mine + got))
else
  redis.call('HDEL', KEYS[1], cell)
end
if ended then
  redis.call('HDEL', KEYS[1], sign)
else
  redis.call('HSET', KEYS[1], sign, ARGV[13] .. ' 0')
  last = math.max(last, tonumber(ARGV[13]))
end
if ended or folds then
  local there, rows = {}, redis.call('HGETALL', KEYS[1])
  for i = 1, #rows, 2 do
    local who, window = string.match(rows[i], '^(%S*) (%S+)$')
    if window == ARGV[12] or who == '' then there[who] = true end
  end
  for i = 1, #rows, 2 do
    local who, window = string.match(rows[i], '^(%S*) (%S+)$')
    if not there[who] then
      local till, much = string.match(rows[i + 1], '^(%S+) (%S+)$')
      local nobodys = redis.call('HGET', KEYS[1], ' ' .. window) or till .. ' 0'
      local later, sum = string.match(nobodys, '^(%S+) (%S+)$')
      if tonumber(later) < tonumber(till) then later = till end
      sum = string.format('%.0f', tonumber(sum) + tonumber(much))
      redis.call('HSET', KEYS[1], ' ' .. window, later .. ' ' .. sum)
      redis.call('HDEL', KEYS[1], rows[i])
    end
  end
end
redis.call('EXPIRE', KEYS[1], math.ceil(last - wall) + 1)
return {string.format('%.0f', got), forgot and 1 or 0, unpack(others)}
"""
"""What `modelmesh.ledger.claims.grant` decides, where nobody can come between.

A hash has, for a process and its window, the end of the window and what is held. Nobody is a
process without a name.
"""

_EXCHANGE: Final = """
local wall, notes = tonumber(ARGV[1]), {}
local function ends(note) return tonumber(string.match(note, '^(%S+) ')) end
for i = 2, #ARGV, 2 do
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if not kept or ends(kept) <= ends(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
local kept = redis.call('HGETALL', KEYS[1])
for i = 1, #kept, 2 do
  if ends(kept[i + 1]) <= wall then
    redis.call('HDEL', KEYS[1], kept[i])
  else
    notes[#notes + 1] = kept[i]
    notes[#notes + 1] = kept[i + 1]
  end
end
return notes
"""
"""A hash has, by name, the end of a note and its text."""


@frozen
class Options:
    """The store's own settings."""

    # What the names of its keys begin with; meshes that share limits have the same.
    prefix: str = "modelmesh"


class Storage:
    connector: ClassVar = "redis.redis.v1"
    Options: ClassVar = Options

    def __init__(self, settings: schema.Storage) -> None:
        """Take `url`, such as redis://:password@host:6379/0, or rediss:// for TLS."""
        try:
            # Only who keeps state in Redis needs it.
            from redis.asyncio import Redis  # noqa: PLC0415 - see above
            from redis.asyncio.retry import Retry  # noqa: PLC0415 - see above
            from redis.backoff import NoBackoff  # noqa: PLC0415 - see above
        except ImportError:
            message = "Redis needs a library: pip install 'modelmesh-lite[redis]'"
            raise ConfigError([Problem("storage.connector", message)]) from None
        if settings.url is None:
            raise ConfigError([Problem("storage.url", "is missing: redis://host:6379/0")])
        self.timeout = settings.timeout or _TIMEOUT
        # The keeper gives up first: it sees what came while this process was busy. The library,
        # whose timer has run out by then, throws it away.
        last = 2 * self.timeout
        url = settings.url.reveal()
        self._prefix = Options(**settings.options).prefix
        try:
            place = urlsplit(url)
            self.described = f"Redis, {place.hostname}:{place.port or 6379}{place.path}"
            self._redis = Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=last,
                socket_connect_timeout=last,
                protocol=2,  # the other one is not known to Redis 5
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # Without the text, which has a password in it.
            message = "is no address of a Redis, such as redis://host:6379/0"
            raise ConfigError([Problem("storage.url", message)]) from None

    async def claim(self, holder: str, claims: Sequence[Claim], wall: float) -> Sequence[Grant]:
        pipeline = self._redis.pipeline(transaction=False)
        for each in claims:
            numbers = (each.ends, each.held, each.wanted, each.least, each.amount)
            signs = (int(each.ended), int(each.folds), repr(SIGN), wall + LIFE)
            cell = f"{holder} {each.window!r}"
            key = f"{self._prefix}:held:{each.limit}"
            pipeline.eval(_CLAIM, 1, key, cell, holder, wall, int(each.known), *numbers, *signs)
        return [_grant(*answer) for answer in await pipeline.execute()]

    async def exchange(self, told: Mapping[str, Note], wall: float) -> Mapping[str, Note]:
        given = [
            part for name, note in told.items() for part in (name, f"{note.until!r} {note.text}")
        ]
        key = f"{self._prefix}:notes"
        answer: list[str] = await self._redis.eval(_EXCHANGE, 1, key, wall, *given)
        return {
            name: Note(text, float(until))
            for name, note in zip(answer[::2], answer[1::2], strict=True)
            for until, _, text in [note.partition(" ")]
        }

    async def close(self) -> None:
        await self._redis.aclose()


def _grant(got: str, forgot: int, *others: Any) -> Grant:
    held = zip(map(float, others[::2]), map(int, others[1::2]), strict=True)
    return Grant(int(got), list(held), bool(forgot))
