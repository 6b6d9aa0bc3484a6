"""Which application answers at a path."""

from collections.abc import Collection, Mapping

from _websub.asgi.edge import AsgiApp, AsgiSend, Receive, Scope
from _websub.grammar.targets import in_origin_form


class Paths:
    """An ASGI application made of others: the one with the longest path that fits answers.

    Args:
        apps: The applications by path; the one at ``/`` answers what fits no other.
    """

    def __init__(self, apps: Mapping[str, AsgiApp]) -> None:
        self._apps = dict(apps)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection, below a mount or not."""
        scope = in_origin_form(scope)
        await self._apps[prefix_of(local_path(scope), self._apps) or "/"](scope, receive, send)


def prefix_of(path: str, prefixes: Collection[str]) -> str | None:
    """The longest of these paths that a path is, or is below."""
    fitting = (each for each in prefixes if path == each or path.startswith(each.rstrip("/") + "/"))
    return max(fitting, key=len, default=None)


def local_path(scope: Scope) -> str:
    """The path of a request below the mount of the application; some servers leave the mount in front of it."""
    path: str = scope.get("path", "/")
    mount: str = scope.get("root_path", "").rstrip("/")
    return path[len(mount) :] or "/" if path == mount or path.startswith(mount + "/") else path
