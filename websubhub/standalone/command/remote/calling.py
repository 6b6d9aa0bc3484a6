"""Calls of the admin API of a running hub."""

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from websubhub import UrlError, check_url
from websubhub.standalone.command.remote.error import RemoteError

_SECONDS = 30.0
PAGE = 1_000  # entries of a list in one answer
_ANSWER_LIMIT = 64 * 1024 * 1024
_REASON_LIMIT = 1_000


def call(options: argparse.Namespace, method: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """Call the admin API of a hub.

    Raises:
        RemoteError: The hub cannot be reached, or refuses the call.
    """
    try:
        hub = check_url(options.hub, "--hub")
    except UrlError as error:
        raise RemoteError(str(error)) from None
    url = urllib.parse.urljoin(hub, f".{path}")
    body = None if method == "GET" else json.dumps(parameters or {}).encode()
    if body is None:
        url += f"?{urllib.parse.urlencode(parameters or {})}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - check_url accepts only http and https
    if options.token:
        request.add_header("Authorization", f"Bearer {options.token}")
    try:
        with _opener().open(request, timeout=_SECONDS) as answer:
            found = json.loads(answer.read(_ANSWER_LIMIT))
    except urllib.error.HTTPError as error:
        status = 1 if error.code == HTTPStatus.NOT_FOUND else 2
        raise RemoteError(f"The hub refused: {_reason(error)}.", status) from None
    except (OSError, ValueError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        text = getattr(cause, "strerror", None) or cause
        raise RemoteError(f"The hub at {options.hub} cannot be reached: {text}.") from None
    if isinstance(found, dict) and found.get("partial"):
        _tell_that_it_is_partial()
    return found


def pages(
    options: argparse.Namespace, path: str, name: str, parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return all entries of a list."""
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {**(parameters or {}), "limit": PAGE}
    while True:
        answer = call(options, "GET", path, asked)
        found += answer[name]
        if answer.get("next") is None:
            return found
        asked["after"] = answer["next"]


@cache  # once, however many pages there are
def _tell_that_it_is_partial() -> None:
    sys.stderr.write("websubhub: A process of the hub does not answer, so something may be missing here.\n")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, so that the token goes only to its hub."""

    def redirect_request(self, *_: object) -> None:
        """Return None, which makes a redirect an error."""


def _opener() -> urllib.request.OpenerDirector:
    # A proxy from the environment would see the token, and usually cannot reach a hub on loopback.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(_REASON_LIMIT))["error"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"it answered {error.code}"
