"""Which URL a service tells others: the one its user gave, else its own address, as long as only this machine comes."""

import logging

from _websub.grammar.addresses import is_loopback_host, is_loopback_url

log = logging.getLogger("websub")


def check_host(host: str, remedy: str) -> None:
    """Refuse to make a public URL of the address of a listener that others are meant to reach.

    They reach it by a name, through a proxy or over https, which the address does not tell; ``0.0.0.0`` is nobody's.

    Args:
        host: The address that is listened on.
        remedy: What to write instead, as a part of the sentence.

    Raises:
        ValueError: The address is not one of loopback.
    """
    if not is_loopback_host(host):
        raise ValueError(f"The public URL is not known when listening on {host or 'all addresses'}; {remedy}.")


def loopback_warning(url: str, host: str) -> str | None:
    """What is wrong when others can reach a service that tells them a URL of their own machine; else None."""
    if not is_loopback_url(url) or is_loopback_host(host):
        return None
    where = host or "all addresses"
    return f"The public URL {url} is one of this machine, and useless to others, who can reach {where}."


def warn_of_loopback(url: str, host: str) -> None:
    """Log what ``loopback_warning`` says."""
    warning = loopback_warning(url, host)
    if warning is not None:
        log.warning(warning)
