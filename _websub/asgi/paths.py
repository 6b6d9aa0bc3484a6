"""A router from paths to applications."""

from collections.abc import Collection, Mapping

from _websub.asgi.edge import AsgiApp, AsgiSend, Receive, Scope
from _websub.grammar.targets import in_origin_form


class Paths:
    """An ASGI application that passes each request to the application with the longest matching path.

    Args:
        apps: The applications by path. The one at ``/`` answers when no other matches.
        root: The application for ``/`` itself, if it is a different one.
    """

    def __init__(self, apps: Mapping[str, AsgiApp], *, root: AsgiApp | None = None) -> None:
        self._apps = dict(apps)
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection, whether mounted or not."""
        scope = in_origin_form(scope)
        path = local_path(scope)
        if path == "/" and self._root is not None:
            await self._root(scope, receive, send)
        else:
            await self._apps[prefix_of(path, self._apps) or "/"](scope, receive, send)


def prefix_of(path: str, prefixes: Collection[str]) -> str | None:
    """Return the longest of these paths that equals the path or contains it, or None."""
    if path in prefixes:  # as nearly always, and no other is longer
        return path
    fitting = (each for each in prefixes if path.startswith(each.rstrip("/") + "/"))
    return max(fitting, key=len, default=None)


def local_path(scope: Scope) -> str:
    """Return the path of a request below the application's mount, which some servers leave in the path."""
    path: str = scope.get("path", "/")
    mount: str = scope.get("root_path", "").rstrip("/")
    return path[len(mount) :] or "/" if path == mount or path.startswith(mount + "/") else path
