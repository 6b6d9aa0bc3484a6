"""The fetched content of a topic, and the head of its response."""

import attrs


@attrs.frozen(kw_only=True)
class TopicHead:
    """The head of a topic's response.

    Attributes:
        url: The URL that answered, after redirects.
        content_type: The exact Content-Type, or ``application/octet-stream`` if there is none that can be passed on.
        hubs: The hubs in its Link header, in order, as many as fit into a header of 4 KiB.
        topic: The canonical URL in its Link header, if there is one.
    """

    url: str = ""
    content_type: str
    hubs: tuple[str, ...] = ()
    topic: str | None = None


@attrs.frozen(kw_only=True)
class TopicContent(TopicHead):
    """The fetched content of a topic.

    Attributes:
        body: The content, byte for byte, and unpacked if it was compressed.
        etag: The ETag to pass to the next fetch, or None if it might stay the same when the content changes.
        last_modified: The Last-Modified to pass to the next fetch, or None if it might stay the same when the content
            changes.
    """

    body: bytes = attrs.field(repr=False)
    etag: str | None = None
    last_modified: str | None = None
