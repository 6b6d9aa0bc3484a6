"""Discovery of a topic and its hubs in one response, without I/O.

The ``Link`` header is read first, then the body, only as far as necessary (W3C WebSub, 4).
"""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from urllib.parse import urldefrag

from attrs import evolve, frozen

from _websub.errors import WebSubError
from _websub.grammar.links import Link, parse_links
from _websub.grammar.urls import UrlError, check_url, is_https
from _websub.http import NO_HEADERS, Headers
from websubsub._discovery.body import BodyReader
from websubsub._discovery.feed import HUB_AND_SELF
from websubsub._discovery.sniffing import DiscoverySource

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
HUB, SELF = frozenset({"hub"}), frozenset({"self"})


class DiscoveryError(WebSubError):
    """Discovery failed. The message says why in one sentence.

    Args:
        reason: The message.

    Attributes:
        url: The requested URL.
        status: The HTTP status of its response.
        headers: The headers of its response.
    """

    def __init__(self, reason: str, *, url: str, status: int = HTTPStatus.OK, headers: Headers = NO_HEADERS) -> None:
        super().__init__(reason, status=status, headers=headers)
        self.url = url


class NoHubError(DiscoveryError):
    """The resource names no usable hub, so nobody distributes its updates."""


class NoTopicError(DiscoveryError):
    """The resource names a hub, but its ``self`` link is missing or not usable."""


@frozen(kw_only=True)
class Discovery:
    """A discovered topic and its hubs (W3C WebSub, 4).

    Attributes:
        topic: The topic URL, exactly as the resource names itself.
        hubs: The hubs, at least one, in the order in which they were found.
        source: The part of the response in which the hubs were found.
        url: The final URL of the resource, after redirects.
    """

    topic: str
    hubs: tuple[str, ...]
    source: DiscoverySource
    url: str

    @property
    def preferred_hub(self) -> str:
        """The hub to subscribe at: the first one with https, or else the first one (W3C WebSub, 8.2)."""
        return prefer_https(self.hubs)[0]


@frozen(kw_only=True)
class DiscoveryOptions:
    """Options of discovery beyond the specification. By default, all are off.

    Attributes:
        body: Whether to look for links in the body of HTML pages too, where visitors may have put them.
        topic_from_url: Whether to use the final URL as the topic of a resource that does not name itself.
        json_feed: Whether to read the hubs of JSON Feeds.
    """

    body: bool = False
    topic_from_url: bool = False
    json_feed: bool = False


class DiscoveryReader:
    """Reads a response as it arrives, no further than necessary.

    Unless ``done`` is true at once, feed it the body in pieces of any size until ``done`` is true or the body ends.
    Then call ``finish``.

    Args:
        url: The final URL, after redirects.
        headers: The headers of its response.
        status: The status of its response.
        options: Options beyond the specification.
        hub: The hub, if it is known. Hubs that the resource names are ignored then.
        topic: The topic, if it is known. The topic that the resource names is ignored then.
    """

    def __init__(
        self,
        *,
        url: str,
        headers: Headers,
        status: int = HTTPStatus.OK,
        options: DiscoveryOptions | None = None,
        hub: str | None = None,
        topic: str | None = None,
    ) -> None:
        self._url = urldefrag(url).url
        self._status = status
        self._headers = headers
        self._is_success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        self._options = options or DiscoveryOptions()
        links = parse_links(headers.get_all("link"), base=self._url)
        self._header = _Named.by([link for link in links if not link.is_about_another_resource])
        if hub is not None:
            self._header = evolve(self._header, hubs=(hub,))
        if topic is not None:
            self._header = evolve(self._header, topics=(topic,))
        wanted = (HUB if not self._header.hubs else frozenset()) | (SELF if not self._header.topics else frozenset())
        self._body: BodyReader | None = None
        if self._is_success and wanted:
            self._body = BodyReader(
                url=self._url,
                content_type=headers.get("content-type"),
                body=self._options.body,
                json_feed=self._options.json_feed,
                wanted=wanted,
            )
        self._failure: str | None = None
        self._was_cut = False

    @property
    def done(self) -> bool:
        """Whether no more of the body is needed."""
        return self._body is None or self._body.done or self._failure is not None

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes of the body. Return whether no more are needed."""
        if self._body is not None and not self.done:
            self._body.feed(chunk)
        return self.done

    def cut(self) -> None:
        """Note that the body is too long, so that the rest is not read."""
        self._was_cut = True

    def fail(self, reason: str) -> None:
        """Note that the rest of the body cannot be read, and why, in a sentence. Links found before still count."""
        self._failure = reason

    def finish(self) -> Discovery:
        """Return what was discovered.

        Hubs of the header and of the body are never mixed. If the header has no ``self``, that of the body is used.

        Raises:
            NoHubError: No hub is named.
            NoTopicError: A hub is named, but no ``self``.
            DiscoveryError: The status is not 2xx, the body cannot be read, or there are different ``self`` links.
        """
        if not self._is_success:
            raise self._error(DiscoveryError, f"The resource answered {_status_line(self._status)}.")
        body = _Named.by(self._body.finish()) if self._body is not None else _NOTHING
        failure = self._failure or (self._body.failure if self._body is not None else None)
        if not self._header.hubs and not body.hubs:
            raise self._no_hub(self._header.bad_hub or body.bad_hub, failure)
        if self._header.hubs or self._body is None or self._body.source is None:
            hubs, source = self._header.hubs, DiscoverySource.HEADER
        else:
            hubs, source = body.hubs, self._body.source
        topics = self._header.topics or body.topics
        topic = self._choose_topic(topics, self._header.bad_topic or body.bad_topic, failure)
        return Discovery(topic=topic, hubs=hubs, source=source, url=self._url)

    def _no_hub(self, bad: str | None, failure: str | None) -> DiscoveryError:
        if bad is not None:
            return self._error(NoHubError, f"The resource names a hub that cannot be used: {bad}")
        if failure is not None:
            return self._error(DiscoveryError, failure)
        where = "the part of its body that is read" if self._is_cut else "its body"
        if self._body is not None and self._body.source is DiscoverySource.JSON and not self._options.json_feed:
            where = "its body, where hubs of JSON Feeds are read only on request"
        return self._error(NoHubError, f"The resource names no hub, neither in its Link headers nor in {where}.")

    @property
    def _is_cut(self) -> bool:
        return self._was_cut or (self._body is not None and self._body.was_cut)

    def _choose_topic(self, topics: tuple[str, ...], bad: str | None, failure: str | None) -> str:
        if len(topics) > 1:
            raise self._error(DiscoveryError, "The resource names different topic URLs, but there must be only one.")
        if topics:
            return topics[0]
        if self._options.topic_from_url:
            return self._url
        if bad is not None:
            raise self._error(NoTopicError, f"The resource names a topic URL that cannot be used: {bad}")
        where = " in the part of its body that is read" if self._is_cut else ""
        reason = f"The resource names a hub but not its topic URL: the self link is missing{where}."
        raise self._error(NoTopicError, reason if failure is None else f"{reason} {failure}")

    def _error(self, kind: type[DiscoveryError], reason: str) -> DiscoveryError:
        return kind(reason, url=self._url, status=self._status, headers=self._headers)


def prefer_https(hubs: Sequence[str]) -> tuple[str, ...]:
    """Return the hubs with https first, in otherwise unchanged order (W3C WebSub, 8.2)."""
    return tuple(sorted(hubs, key=lambda hub: not is_https(hub)))


@frozen
class _Named:
    """The usable hubs and topics in some links, each once and in order, and why others are not usable."""

    hubs: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    bad_hub: str | None = None
    bad_topic: str | None = None

    @classmethod
    def by(cls, links: Sequence[Link]) -> "_Named":
        if not links:
            return _NOTHING
        usable: dict[str, dict[str, None]] = {"hub": {}, "self": {}}
        bad: dict[str, str] = {}
        for link in islice((link for link in links if link.relations & HUB_AND_SELF), MAX_LINKS):
            complaint = _complaint(link.target)
            for relation in link.relations & HUB_AND_SELF:
                if complaint is None:
                    usable[relation][link.target] = None
                else:
                    bad.setdefault(relation, complaint)
        return cls(tuple(usable["hub"]), tuple(usable["self"]), bad.get("hub"), bad.get("self"))


_NOTHING = _Named()


def _complaint(url: str) -> str | None:
    """Return why a URL cannot be used, or None if it can. The URL is left out, since it may contain a password."""
    try:
        check_url(url, "its URL")
    except UrlError as error:
        return str(error)
    return None


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
