"""The URL that a service tells others: the one its user gave, or its address if only this machine can reach it."""

import logging

from _websub.grammar.addresses import is_loopback_host, is_loopback_url

log = logging.getLogger("websub")


def check_host(host: str, remedy: str) -> None:
    """Raise ``ValueError`` if the public URL cannot be made from the address of a listener.

    Other machines reach it by a name, through a proxy or over https, which the address does not tell, and ``0.0.0.0``
    is no address to call.

    Args:
        host: The address to listen on.
        remedy: What to do instead, as a part of the message.

    Raises:
        ValueError: The address is not a loopback address.
    """
    if not is_loopback_host(host):
        raise ValueError(f"The public URL is not known when listening on {host or 'all addresses'}; {remedy}.")


def loopback_warning(url: str, host: str) -> str | None:
    """Return a warning if others can reach a service whose public URL is on loopback, or None."""
    if not is_loopback_url(url) or is_loopback_host(host):
        return None
    where = host or "all addresses"
    return f"The public URL {url} is one of this machine, and useless to others, who can reach {where}."


def warn_of_loopback(url: str, host: str) -> None:
    """Log the warning of ``loopback_warning``, if there is one."""
    warning = loopback_warning(url, host)
    if warning is not None:
        log.warning(warning)
