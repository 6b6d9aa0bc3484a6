"""The base of all public errors."""

from collections.abc import Mapping

from _websub.headers import HeaderTypes, as_headers


class WebSubError(Exception):
    """The base of all errors of both packages. Hooks return or raise them to refuse something, and clients raise them.

    Args:
        reason: One sentence for the other side.
        status: The HTTP status, if it differs from that of the class.
        headers: Headers to add to the response, or the headers of a received response.
        body: Form fields to add to the response, or the form fields of a received response.
    """

    status: int = 500

    def __init__(
        self,
        reason: str = "",
        *,
        status: int | None = None,
        headers: HeaderTypes = (),
        body: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        if status is not None:
            self.status = status
        self.headers = as_headers(headers)
        self.body = dict(body or {})
