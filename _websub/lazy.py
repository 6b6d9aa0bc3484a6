"""Public names that are imported when they are first used (PEP 562)."""

from collections.abc import Callable, Mapping
from importlib import import_module
from sys import modules


def lazily(
    package: dict[str, object], homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package that imports names when they are first used.

    Objects that have been loaded name the package as their module, so that reprs, tracebacks and pickles read
    ``websubhub.HubService``. A class that both packages share names the one that was used first.

    Args:
        package: The variables of the package.
        homes: The names by the module that defines them, separated by spaces. ``name=other`` is called ``other`` there.
    """
    name_of_package = str(package["__name__"])
    found = {
        public: (module, own or public)
        for module, names in homes.items()
        for public, _, own in (name.partition("=") for name in names.split())
    }
    unsettled = set(homes)

    def settle() -> None:
        for home in [home for home in unsettled if home in modules]:
            values = [getattr(modules[home], own, None) for module, own in found.values() if module == home]
            if any(value is None for value in values):
                continue  # another thread is still importing it
            for value in values:
                ours = getattr(value, "__module__", "").startswith(f"{name_of_package}._")
                if ours or (isinstance(value, type) and value.__module__.startswith("_websub.")):
                    value.__module__ = name_of_package
            unsettled.discard(home)

    def get(name: str) -> object:
        if name not in found:
            raise AttributeError(f"module {name_of_package!r} has no attribute {name!r}")
        module, own = found[name]
        value = package[name] = getattr(import_module(module), own)
        settle()
        return value

    def names() -> list[str]:
        return sorted({*package, *found})

    return get, names
