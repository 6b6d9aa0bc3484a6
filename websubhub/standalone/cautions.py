"""Warnings about unsafe settings, one sentence each."""

from collections.abc import Iterator

from websubhub import is_loopback_host, is_loopback_url
from websubhub.standalone.settings import Settings


def cautions(settings: Settings, url: str) -> Iterator[str]:
    """Yield a warning for each unsafe setting.

    Args:
        settings: The settings.
        url: The hub's public URL.
    """
    public = not is_loopback_url(url)
    if public and not url.startswith("https:"):
        yield "The public URL is not https: subscribers' secrets travel unencrypted."
    if public and not settings.publisher_token and not settings.anonymous_publishers:
        yield "No publisher token is set: publishers can announce changes, but not publish content."
    if not public and not is_loopback_host(settings.host):
        where = settings.host or "all addresses"
        yield (
            f"The public URL is a loopback URL, but others can reach {where}: "
            "operating the hub and publishing to it need tokens."
        )
    if settings.allow_network:
        yield f"The hub may send requests to these private networks: {', '.join(settings.allow_network)}."
