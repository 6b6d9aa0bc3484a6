"""Setting up the tracing of a hub from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websubhub.standalone.settings import Settings, SettingsError
from websubhub.standalone.tracing.tracing import Tracing


@asynccontextmanager
async def tracing_of(settings: Settings) -> AsyncIterator[Tracing]:
    """Yield the tracing of a hub. At the end of the block, the last spans are sent.

    Args:
        settings: The settings of the hub.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    if not settings.tracing:
        yield Tracing()
        return
    try:
        from websubhub.standalone.tracing import exporting, traced  # noqa: PLC0415 - an extra
    except ImportError as error:
        missing = f"--tracing needs OpenTelemetry: pip install 'websubhub[tracing]' ({error.name} is missing)."
        raise SettingsError(missing) from None
    async with exporting.exporting() as tracer:
        yield traced.OpenTelemetryTracing(tracer)
