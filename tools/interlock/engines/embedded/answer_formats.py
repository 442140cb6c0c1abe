"""How an answer is written: as one JSON object or as server-sent events, for completions and for chat.

Called by endpoints.py. A stream always ends with `data: [DONE]`, also after an error on the way, which is an event of
its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from interlock.engines.embedded import protocol
from interlock.engines.embedded.completions import Answer, Answers, Piece
from interlock.engines.embedded.refusals import Refusal

Choice = Callable[[str, protocol.FinishReason | None, str | None], dict[str, Any]]
_DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The object names, id prefix and choices of one endpoint; `opening` is the choice of a stream's first chunk."""

    whole: str
    chunk: str
    id_prefix: str
    choice: Choice
    chunk_choice: Choice
    opening: Mapping[str, Any] | None = None


COMPLETION: Final = AnswerFormat(
    "text_completion", "text_completion", "cmpl", protocol.completion_choice, protocol.completion_choice
)
CHAT: Final = AnswerFormat(
    "chat.completion",
    "chat.completion.chunk",
    "chatcmpl",
    protocol.chat_choice,
    protocol.chat_chunk_choice,
    protocol.CHAT_OPENING,
)


async def whole_answer(answer: Answer, form: AnswerFormat) -> dict[str, Any]:
    """Wait for the end of the answer and return it as one object. Raises Refusal when the engine fails."""
    pieces = [piece async for piece in answer.pieces()]
    text, last = "".join(piece.text for piece in pieces), pieces[-1]
    choice = form.choice(text, last.finish, last.stop)
    body = protocol.envelope(form.whole, protocol.new_id(form.id_prefix), answer.model, [choice])
    return body | {"usage": protocol.usage(answer.prompt_tokens, answer.completion_tokens)}


class StreamedAnswer(StreamingResponse):
    """An answer as server-sent events; closes the answer however the response ends, also when the client goes away."""

    def __init__(self, answers: Answers, answer: Answer, form: AnswerFormat, *, with_usage: bool) -> None:
        super().__init__(_events(answer, form, with_usage), media_type="text/event-stream")
        self._answers = answers
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answers.close(self._answer)


async def _events(answer: Answer, form: AnswerFormat, with_usage: bool) -> AsyncIterator[bytes]:
    answer_id = protocol.new_id(form.id_prefix)

    def chunk(*choices: Mapping[str, Any]) -> dict[str, Any]:
        return protocol.envelope(form.chunk, answer_id, answer.model, choices)

    if form.opening is not None:
        yield _event(chunk(form.opening))
    try:
        async for piece in answer.pieces():
            yield _event(chunk(_chunk_choice(form, piece)))
    except Refusal as refusal:
        yield _event(protocol.error_body(refusal))
    if with_usage:
        yield _event(chunk() | {"usage": protocol.usage(answer.prompt_tokens, answer.completion_tokens)})
    yield _DONE


def _chunk_choice(form: AnswerFormat, piece: Piece) -> dict[str, Any]:
    return form.chunk_choice(piece.text, piece.finish, piece.stop)


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
