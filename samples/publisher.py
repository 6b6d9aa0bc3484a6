"""Publish text or a file to a hub, or announce that a topic has changed.

python samples/publisher.py http://127.0.0.1:8080/hub https://example.com/news/1 --register --text "It rains."
python samples/publisher.py http://127.0.0.1:8080/hub https://example.com/news/1 --file feed.xml
python samples/publisher.py http://127.0.0.1:8080/hub https://example.com/news/1 --ping
"""

import argparse
import mimetypes
import os
import sys
from pathlib import Path

import anyio

from websubhub import PublisherClient, WebSubError


async def publish(options: argparse.Namespace) -> None:
    """Run the actions that the command line asks for, over one connection."""
    # Not an argument, because every user of the machine can read the command line.
    async with PublisherClient(options.hub, token=os.environ.get("PUBLISHER_TOKEN")) as publisher:
        if options.register:
            await publisher.register_topic(options.topic)
            print(f"registered {options.topic}")
        if options.text is not None:
            await publisher.publish_update(options.topic, options.text)
            print("published the text")
        if options.file is not None:
            content_type, _ = mimetypes.guess_type(options.file.name)
            content = await anyio.Path(options.file).read_bytes()
            await publisher.publish_update(options.topic, content, content_type)
            print(f"published {len(content)} bytes as {content_type}")
        if options.ping:
            await publisher.notify_update(options.topic)
            print("told the hub to fetch the topic")


def main() -> int:
    """Read the command line, publish, and return the exit status."""
    parser = argparse.ArgumentParser(description="Publish to a hub. The token is read from PUBLISHER_TOKEN.")
    parser.add_argument("hub", help="the hub's URL")
    parser.add_argument("topic", help="the topic's URL")
    parser.add_argument("--register", action="store_true", help="register the topic first")
    parser.add_argument("--text", help="publish this text")
    parser.add_argument("--file", type=Path, help="publish this file")
    parser.add_argument("--ping", action="store_true", help="announce a change: the hub fetches the topic itself")
    options = parser.parse_args()
    if not (options.register or options.text or options.file or options.ping):
        parser.error("say what to do: --register, --text, --file or --ping")
    try:
        anyio.run(publish, options)
    except (WebSubError, ValueError, OSError) as error:
        print(f"publisher: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
