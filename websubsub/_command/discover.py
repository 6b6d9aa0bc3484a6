"""The command ``discover``, which shows the topic and the hubs of a page."""

import argparse
import json
import sys

import anyio

from _websub.grammar.urls import check_url
from _websub.http import Headers
from websubsub._discovery.client import DiscoveryClient
from websubsub._discovery.discovery import Discovery, DiscoveryError, DiscoveryOptions

_FAILURE = 1


def discover(arguments: argparse.Namespace) -> int:
    """Print the topic and the hubs of a page or feed, and return the exit status."""
    check_url(arguments.url, "The URL")
    options = DiscoveryOptions(json_feed=arguments.json_feed)
    try:
        discovery = anyio.run(_discover_once, arguments.url, options, arguments.header)
    except DiscoveryError as error:
        print(f"websubsub: {error}", file=sys.stderr)
        return _FAILURE
    if arguments.json:
        print(json.dumps({"topic": discovery.topic, "hubs": list(discovery.hubs), "source": discovery.source}))
    else:
        rows = [("topic", discovery.topic), *(("hub", hub) for hub in discovery.hubs), ("source", discovery.source)]
        print("\n".join(f"{name:<6} {value}" for name, value in rows))
    return 0


async def _discover_once(url: str, options: DiscoveryOptions, headers: list[tuple[str, str]]) -> Discovery:
    async with DiscoveryClient(options=options) as client:
        return await client.discover(url, headers=Headers(headers))
