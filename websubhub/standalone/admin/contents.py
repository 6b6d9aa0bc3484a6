"""The JSON form of published content, for messages and dead letters."""

import base64
from typing import Any

from websubhub.standalone.admin.parameters import iso_time
from websubhub.standalone.ports import Update

_CONTENT_BYTES = 16 * 1_048_576


def shown_content(update: Update) -> dict[str, Any]:
    """Return an update with its content, or with the beginning of very large content."""
    content = update.content[:_CONTENT_BYTES]
    return {
        "topic": update.topic,
        "message_id": update.id,
        "content_type": update.content_type,
        "content_length": len(update.content),
        "published_at": iso_time(update.published_at),
        "content_base64": base64.b64encode(content).decode(),
        "truncated": len(content) < len(update.content),
    }
