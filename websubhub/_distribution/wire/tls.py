"""TLS for outgoing connections: certificates checked against the host name, nothing older than TLS 1.2."""

import functools
import ssl


@functools.cache
def default_tls_context() -> ssl.SSLContext:
    """Return the context of every engine that was not given one; the certificates take tens of milliseconds, once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
