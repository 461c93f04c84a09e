"""`modelmesh explain POOL`: where a request would go, and why."""

import argparse
import asyncio
import json
import os

from modelmesh.cli._terminal import FOUND, OK, say
from modelmesh.cli.explained import body_of, explained, table
from modelmesh.proxy.sources import find_config


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", metavar="POOL", help="what a client would send as `model`")
    said = parser.add_mutually_exclusive_group()
    said.add_argument("--message", metavar="TEXT", help="the message of a chat")
    said.add_argument("--body", metavar="FILE", help="the body of a request, as JSON")
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: {FOUND})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    request = body_of(arguments.pool, arguments.message, arguments.body)
    found = find_config(arguments.config, os.environ)
    told = asyncio.run(explained(found, request))
    say(json.dumps(told, indent=2, ensure_ascii=False) if arguments.json else table(told))
    return OK
