"""Checks that ``websubsub`` is ours, since a Django app on the package index has the same name."""

import sys

REPLACED = (
    "The package websubsub is not the one of websubhub, since another distribution has the same name. "
    "Uninstall both, and install websubhub again."
)

#: How the program is called that needs no subscriber, except for its demo, which does its own check.
_COMMANDS = ("websubhub", "websubhub.exe", "-m")


class NamesakeError(ImportError):
    """The package ``websubsub`` is not the one of this distribution."""


def require_own_subscriber() -> None:
    """Make sure that ``websubsub`` is the package of this distribution.

    Raises:
        NamesakeError: It is a different package, or missing.
    """
    if _is_foreign():
        raise NamesakeError(REPLACED, name="websubsub")


def warn_of_foreign_subscriber() -> None:
    """Warn the program that imports ``websubhub`` if ``websubsub`` is not the package of this distribution."""
    program = (getattr(sys, "argv", None) or [""])[0]
    if not program.endswith(_COMMANDS) and _is_foreign():
        import warnings  # noqa: PLC0415 - few programs need it, but all of them run this at their start

        warnings.warn(REPLACED, stacklevel=3)


def _is_foreign() -> bool:
    """Return whether the package is not ours, without importing it, since importing a Django app needs settings."""
    spec = _spec()
    path = getattr(spec, "origin", None)
    get_data = getattr(getattr(spec, "loader", None), "get_data", None)
    if path is None:
        return True  # it is missing, or a folder that is not a package
    # Only a package that is loaded from a source file can be checked.
    return get_data is not None and path.endswith(".py") and b"from _websub import" not in get_data(path)


def _spec() -> object:
    loaded = sys.modules.get("websubsub")
    if loaded is not None:
        return loaded.__spec__
    found = (finder.find_spec("websubsub", None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next((spec for spec in found if spec), None)
