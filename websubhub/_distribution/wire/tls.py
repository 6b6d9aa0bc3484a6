"""TLS for outgoing connections: certificates checked against the host name, nothing older than TLS 1.2."""

import functools
import ssl
import time

from websubhub._distribution.origins.origin import Origin

# Servers keep tickets for about as long. Reading a session from a connection costs a third of a handshake.
_CALLED_AGAIN_SECONDS = 300.0


@functools.cache
def default_tls_context() -> ssl.SSLContext:
    """Return the context of all engines without their own. Loading certificates takes tens of milliseconds, once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def session_for(origin: Origin) -> ssl.SSLSession | None:
    """Return the session to resume with a server, if there is one that has not expired. Offering one has a cost."""
    session = origin.session
    if session is None:
        return None
    lasts = min(session.timeout, session.ticket_lifetime_hint or session.timeout)
    if session.time + lasts <= time.time():
        origin.session = None
    return origin.session


def remember_session(origin: Origin, tls: ssl.SSLSocket, now: float, *, kept: bool) -> None:
    """Remember the session of a new connection, once its server has sent its tickets, if it is likely to be resumed.

    Args:
        origin: The server.
        tls: The connection.
        now: The time.
        kept: Whether the connection is kept for the next delivery, so that the session may never be needed.
    """
    is_called_again = not kept or origin.open > 1 or origin.closed_at > now - _CALLED_AGAIN_SECONDS
    if is_called_again and not tls.session_reused:
        origin.session = tls.session
