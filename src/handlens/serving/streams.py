"""Answers that do not end: streams of events."""

from fastapi.responses import StreamingResponse


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"
