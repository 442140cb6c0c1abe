"""The body of a request: read within a bound, with the place where it names the model.

The middleware decides about the model that it sees; the engine behind it parses the same bytes again. So the readers
(routing/json_body.py, routing/form_body.py) refuse every body that two parsers could read differently, and a changed
model is spliced into the bytes as they came: nothing else about the request changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.routing.asgi import Receive
from interlock.routing.refusal import too_large


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """The model that a body names, and where its value stands: `begin` to `end` in bytes, as JSON text or plain."""

    name: str
    begin: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A body that was read without ambiguity: its bytes, the model it names, its user, its conversation."""

    data: bytes
    model: ModelPlace | None = None
    user: str = ""
    messages: Sequence[object] = ()

    def with_model(self, name: str) -> bytes:
        """The body with `name` as the model, every other byte as it came."""
        place = self.model
        if place is None or place.name == name:
            return self.data
        value = json.dumps(name).encode("ascii") if place.quoted else name.encode("utf-8")
        return self.data[: place.begin] + value + self.data[place.end :]

    def opening(self) -> bytes:
        """What a canary sticks to when nobody said who asks: the conversation up to its first user turn, so that
        later turns of the same conversation stay on the same revision; else the whole body."""
        if not self.messages:
            return self.data
        return json.dumps(_until_first_question(self.messages), sort_keys=True).encode("ascii")


async def read_body(receive: Receive, declared: int | None, limit: int) -> bytes | None:
    """The whole body (at most `limit` bytes), or None when the client went away before its end.

    `declared` is the request's content-length in bytes, if it has one.

    Raises:
        Refusal: 413, the body is larger than `limit`.
    """
    if declared is not None and declared > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _until_first_question(messages: Sequence[object]) -> Sequence[object]:
    for index, message in enumerate(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return messages[: index + 1]
    return messages
