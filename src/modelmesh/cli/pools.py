"""`modelmesh pools`: each pool with its targets, in the order that the configuration gives."""

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from modelmesh.cli._listed import parts_of, price, prices, tokens
from modelmesh.cli._table import cut, table, width
from modelmesh.cli._terminal import FOUND, OK, say
from modelmesh.pool import Pool
from modelmesh.proxy.sources import find_config

_HEAD = ("", "TARGET", "MODEL", "CONTEXT", "PRICE", "WEIGHT")
_RIGHT = ("", "CONTEXT", "WEIGHT")


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: {FOUND})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    pools = parts_of(find_config(arguments.config, os.environ)).pools.values()
    if arguments.json:
        say(json.dumps({"pools": list(map(_record, pools))}, indent=2, ensure_ascii=False))
    else:
        say(cut([line for pool in pools for line in _lines(pool)], width()))
    return OK


def _lines(pool: Pool) -> Iterator[str]:
    yield "  ".join([pool.id, pool.strategy.connector, *pool.capabilities])
    rows = [
        (
            str(place),
            one.id,
            one.upstream,
            tokens(one.card.context),
            price(one.card.price),
            f"{one.weight:g}",
        )
        for place, one in enumerate(pool.targets, 1)
    ]
    lines = (
        table(_HEAD, rows, right=_RIGHT) if rows else ["models that its servers list when asked"]
    )
    yield from (f"  {line}" for line in lines)


def _record(pool: Pool) -> dict[str, Any]:
    return {
        "id": pool.id,
        "strategy": pool.strategy.connector,
        "capabilities": list(pool.capabilities),
        "targets": [
            {
                "id": one.id,
                "model": one.model,
                "upstream": one.upstream,
                "provider": one.provider.id,
                "context": one.card.context,
                "price": prices(one.card.price),
                "weight": one.weight,
            }
            for one in pool.targets
        ],
    }
