"""The public URL of a service: the one that its user set, or its address if only this machine can reach it."""

import logging

from _websub.grammar.addresses import is_loopback_host, is_loopback_url

log = logging.getLogger("websub")


def check_host(host: str, remedy: str) -> None:
    """Raise ``ValueError`` if the public URL cannot be derived from the address of a listener.

    Other machines may use a name, a proxy or https, which the address does not show, and ``0.0.0.0`` cannot be called.

    Args:
        host: The address to listen on.
        remedy: What to do instead, as part of the message.

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
    return f"The public URL {url} works on this machine only, but others can reach {where}."


def warn_of_loopback(url: str, host: str) -> None:
    """Log the warning of ``loopback_warning``, if there is one."""
    warning = loopback_warning(url, host)
    if warning is not None:
        log.warning(warning)
