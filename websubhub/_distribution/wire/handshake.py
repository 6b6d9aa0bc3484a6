"""Making a connection without waiting: TCP, and TLS if the origin has it."""

import os
import ssl

from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.outcome import DeliveryFailure
from websubhub._distribution.wire.channel import Channel, describe
from websubhub._distribution.wire.poller import READABLE, WRITABLE
from websubhub._distribution.wire.tls import default_tls_context, session_for


class NotConnectedError(Exception):
    """The connection cannot be made.

    Attributes:
        failure: The reason.
        detail: The reason in words.
    """

    def __init__(self, failure: DeliveryFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


def go_on_connecting(channel: Channel, events: int, origin: Origin, context: ssl.SSLContext | None) -> bool:
    """Do what is possible now that the socket is ready. Return whether the connection is made.

    Args:
        channel: The socket. What to watch it for is changed as needed.
        events: What it is ready for.
        origin: The server to connect to, with the session to resume.
        context: The TLS context, or ``None`` for the one that all engines share.

    Raises:
        NotConnectedError: The connection cannot be made.
    """
    if channel.tls is None:
        error = 0 if events == WRITABLE else channel.connect_error()
        if error:
            raise NotConnectedError(DeliveryFailure.CONNECT, f"{os.strerror(error)}.")
        if not events & WRITABLE:  # an event of the connection that had this descriptor before
            return False
        if not origin.secure:
            return True
        try:
            channel.start_tls(context or default_tls_context(), origin.host, session_for(origin))
        except (OSError, ValueError) as problem:
            raise NotConnectedError(DeliveryFailure.TLS, describe(problem)) from None
    return _shake_hands(channel, origin)


def _shake_hands(channel: Channel, origin: Origin) -> bool:
    assert channel.tls is not None  # noqa: S101 - it was set before the first call
    try:
        channel.tls.do_handshake()
    except ssl.SSLWantReadError:
        channel.watch(READABLE)
        return False
    except ssl.SSLWantWriteError:
        channel.watch(WRITABLE)
        return False
    except OSError as error:
        origin.session = None
        raise NotConnectedError(DeliveryFailure.TLS, describe(error)) from None
    return True
