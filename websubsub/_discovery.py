"""Discovery of a topic and its hubs in one response, whoever fetched it: no I/O here.

The ``Link`` header is read first, then the body, and that only as far as it must be (W3C WebSub, 4).
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from itertools import islice
from urllib.parse import urldefrag

from attrs import frozen

from _websub.http import Headers
from _websub.links import Link, parse_links
from _websub.media import ContentError
from _websub.urls import UrlError, check_url, is_https
from websubsub._discovery_body import BodyReader, DiscoverySource
from websubsub._feed import FeedError

__all__ = [
    "Discovery",
    "DiscoveryError",
    "DiscoveryOptions",
    "DiscoveryReader",
    "DiscoverySource",
    "NoHubError",
    "NoTopicError",
    "prefer_https",
]

# Checking a hostile host name takes a millisecond.
MAX_LINKS = 25


class DiscoveryError(Exception):
    """Nothing could be discovered: the text is a sentence that says why.

    Args:
        reason: That sentence.

    Attributes:
        url: The URL that was looked at.
        status: The HTTP status of its response.
    """

    def __init__(self, reason: str, *, url: str, status: int = HTTPStatus.OK) -> None:
        super().__init__(reason)
        self.url = url
        self.status = status


class NoHubError(DiscoveryError):
    """The resource names no hub, so nobody distributes its updates."""


class NoTopicError(DiscoveryError):
    """The resource names a hub but not itself: its ``self`` link is missing."""


@frozen(kw_only=True)
class Discovery:
    """What a resource says about itself (W3C WebSub, 4).

    Attributes:
        topic: The topic URL, to the character as the resource names itself.
        hubs: The hubs, at least one, in the order in which they were found.
        source: Where the hubs were found.
        url: The final URL of the resource, after redirects.
    """

    topic: str
    hubs: tuple[str, ...]
    source: DiscoverySource
    url: str

    @property
    def preferred_hub(self) -> str:
        """The hub to subscribe at: the first with https, else the first (W3C WebSub, 8.2)."""
        return prefer_https(self.hubs)[0]


@frozen(kw_only=True)
class DiscoveryOptions:
    """What discovery may do beyond the specification; nothing by default.

    Attributes:
        body: Look for links in the body of HTML pages too, where they may be a visitor's.
        topic_from_url: Take the final URL as topic of a resource that does not name itself.
        json_feed: Read the hubs of JSON Feeds.
    """

    body: bool = False
    topic_from_url: bool = False
    json_feed: bool = False


class DiscoveryReader:
    """Reads a response as it arrives, and no further than needed.

    Unless ``done`` is true at once, feed the body in pieces of any size until it is or the body ends. Then ``finish``.

    Args:
        url: The final URL, after redirects.
        headers: The headers of its response.
        status: The status of its response.
        options: What it may do beyond the specification.
    """

    def __init__(
        self, *, url: str, headers: Headers, status: int = HTTPStatus.OK, options: DiscoveryOptions | None = None
    ) -> None:
        self._url = urldefrag(url).url
        self._status = status
        self._options = options or DiscoveryOptions()
        links = parse_links(headers.get_all("link"), base=self._url)
        self._header = _Named.by(link for link in links if not link.is_about_another_resource)
        self._body = BodyReader(
            url=self._url,
            content_type=headers.get("content-type"),
            body=self._options.body,
            json_feed=self._options.json_feed,
        )
        self._failure: FeedError | ContentError | None = None

    @property
    def done(self) -> bool:
        """Whether no more of the body is needed."""
        return not self._needs_body or self._body.done or self._failure is not None

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of the body; true once no more are needed."""
        if not self.done:
            try:
                self._body.feed(chunk)
            except (FeedError, ContentError) as error:
                self._failure = error
        return self.done

    def finish(self) -> Discovery:
        """Say what was discovered.

        Hubs of the header and of the body are never mixed; a ``self`` that the header lacks is taken from the body.

        Raises:
            NoHubError: No hub is named.
            NoTopicError: A hub is named, but no ``self``.
            DiscoveryError: The status is no success, the feed cannot be read, or there are different ``self`` links.
        """
        if not self._is_success:
            raise self._error(DiscoveryError, f"The resource answered {_status_line(self._status)}.")
        body = self._read_rest()
        if not self._header.hubs and not body.hubs:
            if self._failure is not None:
                raise self._error(DiscoveryError, str(self._failure))
            raise self._error(NoHubError, "The resource names no hub, neither in its Link headers nor in its body.")
        topic = self._choose_topic(self._header.topics or body.topics)
        if self._header.hubs or self._body.source is None:
            return Discovery(topic=topic, hubs=self._header.hubs, source=DiscoverySource.HEADER, url=self._url)
        return Discovery(topic=topic, hubs=body.hubs, source=self._body.source, url=self._url)

    @property
    def _is_success(self) -> bool:
        return HTTPStatus.OK <= self._status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def _needs_body(self) -> bool:
        return self._is_success and not (self._header.hubs and self._header.topics)

    def _read_rest(self) -> "_Named":
        if self._needs_body and self._failure is None:
            try:
                return _Named.by(self._body.finish())
            except (FeedError, ContentError) as error:
                self._failure = error
        return _Named()

    def _choose_topic(self, topics: tuple[str, ...]) -> str:
        if len(topics) > 1:
            raise self._error(DiscoveryError, "The resource names different topic URLs, and there must be only one.")
        if topics:
            return topics[0]
        if self._options.topic_from_url:
            return self._url
        raise self._error(NoTopicError, "The resource names a hub but not its topic URL: the self link is missing.")

    def _error(self, kind: type[DiscoveryError], reason: str) -> DiscoveryError:
        return kind(reason, url=self._url, status=self._status)


def prefer_https(hubs: Sequence[str]) -> tuple[str, ...]:
    """Put the hubs with https first and leave their order as it is otherwise (W3C WebSub, 8.2)."""
    return tuple(sorted(hubs, key=lambda hub: not is_https(hub)))


@frozen
class _Named:
    """The hubs and topics that some links name: usable URLs, each once, in order."""

    hubs: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    @classmethod
    def by(cls, links: Iterable[Link]) -> "_Named":
        named = islice((link for link in links if link.relations & {"hub", "self"}), MAX_LINKS)
        usable = [link for link in named if _is_usable(link.target)]
        hubs = dict.fromkeys(link.target for link in usable if "hub" in link.relations)
        topics = dict.fromkeys(link.target for link in usable if "self" in link.relations)
        return cls(tuple(hubs), tuple(topics))


def _is_usable(url: str) -> bool:
    try:
        check_url(url)
    except UrlError:
        return False
    return True


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
