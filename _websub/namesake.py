"""Whether ``websubsub`` is ours: a distribution of that name on the package index, a Django app, is not."""

import sys

REPLACED = (
    "The package websubsub is not that of websubhub, since another distribution has the same name. "
    "Uninstall both, and install websubhub again."
)

#: How the program is called that needs no subscriber, but for its demo, which asks for itself.
_COMMANDS = ("websubhub", "websubhub.exe", "-m")


class NamesakeError(ImportError):
    """The package ``websubsub`` is not the one of this distribution."""


def require_own_subscriber() -> None:
    """Make sure that ``websubsub`` is the package of this distribution.

    Raises:
        NamesakeError: It is another one, or missing.
    """
    if _is_foreign():
        raise NamesakeError(REPLACED, name="websubsub")


def warn_of_foreign_subscriber() -> None:
    """Warn the program that imports ``websubhub`` if ``websubsub`` is not the package of this distribution."""
    program = (getattr(sys, "argv", None) or [""])[0]
    if not program.endswith(_COMMANDS) and _is_foreign():
        import warnings  # noqa: PLC0415 - few programs need it, and all of them start by this

        warnings.warn(REPLACED, stacklevel=3)


def _is_foreign() -> bool:
    """Return whether the package would not be ours, without importing it: a Django app needs settings for that."""
    spec = _spec()
    path = getattr(spec, "origin", None)
    get_data = getattr(getattr(spec, "loader", None), "get_data", None)
    if path is None:
        return True  # there is none, or a folder that is no package
    # What is not loaded from a file of source cannot be asked.
    return get_data is not None and path.endswith(".py") and b"from _websub import" not in get_data(path)


def _spec() -> object:
    loaded = sys.modules.get("websubsub")
    if loaded is not None:
        return loaded.__spec__
    found = (finder.find_spec("websubsub", None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next((spec for spec in found if spec), None)
