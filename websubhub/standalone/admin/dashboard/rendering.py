"""Rendering pages from templates. Every value is escaped."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.static_files import static_path

_FILTERS = ("exactly", "clock_time", "duration", "count", "size", "host", "masked", "preview", "short")


class Rendering:
    """Renders templates.

    Args:
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        folder = str(files(__package__).joinpath("templates"))
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {name: getattr(formats, name) for name in _FILTERS}
        self._environment.filters["relative"] = self._relative
        self._environment.filters["seconds"] = formats.seconds_of

    def _relative(self, moment: str) -> str:
        return formats.relative(moment, self._clock())

    def text(self, template: str, mount: str, **values: Any) -> bytes:
        """Return a page.

        Args:
            template: The name of its template.
            mount: The path below which the dashboard is mounted.
            values: The values for the template.
        """
        page = self._environment.get_template(template)
        return page.render(static=partial(_static, mount), **values).encode("utf-8", "replace")


def _static(mount: str, name: str) -> str:
    return mount + static_path(name)
