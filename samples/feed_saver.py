"""Save each new entry of an Atom or RSS feed to a file, as soon as the feed's hub delivers it.

The subscription and its secret are kept next to the entries, so the program continues where it stopped.

    python samples/feed_saver.py https://example.com/feed --folder entries --public-url https://me.example.com/websub/
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import anyio

from websubsub import (
    ContentDistributionMessage,
    ContentError,
    EventKind,
    SubscriberConfig,
    SubscriberEvent,
    SubscriberService,
    run,
)

ATOM = "{http://www.w3.org/2005/Atom}"
NAMES = (f"{ATOM}id", "guid", f"{ATOM}link", "link")
TITLES = (f"{ATOM}title", "title")


class FeedSaver(SubscriberService):
    """Writes each entry to a separate file, and writes it again if it has changed.

    Args:
        folder: The folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = anyio.Path(folder)

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        """Save the new entries of a delivery, whose signature has already been checked."""
        try:
            feed = message.xml()
        except ContentError as error:
            # An error would only make the hub deliver the same content again.
            print(f"{message.topic} sent something else: {error}", flush=True)
            return
        for entry in entries(feed):
            await self.save(entry)

    async def save(self, entry: ET.Element) -> None:
        """Write one entry, unless it is already saved: hubs can deliver an entry many times."""
        content = ET.tostring(entry, "utf-8", xml_declaration=True)
        file = self.folder / f"{name_of(entry)}.xml"
        if await file.exists() and await file.read_bytes() == content:
            return
        # A crash leaves the old file or the new one, never half a file.
        unfinished = file.with_suffix(".part")
        await unfinished.write_bytes(content)
        await unfinished.replace(file)
        print(f"saved {text_of(entry, TITLES) or 'an entry'} as {file.name}", flush=True)


def entries(feed: ET.Element) -> Iterator[ET.Element]:
    """Return the entries of an Atom feed, or the items of an RSS feed."""
    yield from feed.iter(f"{ATOM}entry")
    yield from feed.iter("item")


def name_of(entry: ET.Element) -> str:
    """Return a file name for an entry. Its id cannot be one, because a peer can choose any id."""
    identity = text_of(entry, NAMES) or ET.tostring(entry, "unicode")
    return hashlib.sha256(identity.encode()).hexdigest()[:20]


def text_of(entry: ET.Element, tags: tuple[str, ...]) -> str:
    """Return the text of the first of these elements that has any."""
    texts = ((entry.findtext(tag) or "").strip() for tag in tags)
    return next((text for text in texts if text), "")


def tell(event: SubscriberEvent) -> None:
    """Print an event of the subscription."""
    if event.kind is not EventKind.RENEWED:
        print(f"{event.kind}: {event.topic} {event.reason}".rstrip(), flush=True)


def main() -> None:
    """Read the command line and listen until interrupted."""
    parser = argparse.ArgumentParser(description="Save the new entries of a feed.")
    parser.add_argument("feed", help="the URL of the feed, or of a page that names its hub")
    parser.add_argument("--folder", type=Path, default=Path("entries"), help="the folder to save to (default: entries)")
    parser.add_argument("--port", type=int, default=8081, help="the port to listen on")
    parser.add_argument("--public-url", help="the URL at which the hub reaches this port (default: this machine)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    config = SubscriberConfig(
        url=options.public_url or f"http://127.0.0.1:{options.port}/",
        targets=options.feed,
        state=f"sqlite:///{options.folder / 'subscriptions.db'}",
        observer=tell,
    )
    ET.register_namespace("", ATOM.strip("{}"))
    run(FeedSaver(options.folder), config, port=options.port)


if __name__ == "__main__":
    main()
