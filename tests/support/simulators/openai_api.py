"""What the simulators share of OpenAI's interface: completions and chats, whole or streamed, from a `TellingModel`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from support.simulators.telling_model import MAX_MODEL_LEN, Letters, TellingModel


def nothing() -> None:
    """What is done at the end of an answer when nobody counts."""


@dataclass(frozen=True)
class Asked:
    """A request that was read: its body, the ids of its prompt, and whether it is a chat."""

    body: dict[str, Any]
    prompt: list[int]
    chat: bool

    @property
    def model(self) -> str:
        """The model that it names, "" when it names none."""
        return str(self.body.get("model") or "")

    @property
    def too_long(self) -> bool:
        """Whether it is longer than the context."""
        return len(self.prompt) + self.max_tokens > MAX_MODEL_LEN

    @property
    def max_tokens(self) -> int:
        """How many tokens it wants."""
        return int(self.body.get("max_tokens") or 16)


async def asked(request: Request, model: TellingModel) -> Asked:
    """Read a request to `/v1/completions` or `/v1/chat/completions`."""
    body = await request.json()
    chat = request.url.path.endswith("/chat/completions")
    prompt = model.templated(body["messages"]) if chat else model.tokens(body["prompt"])
    return Asked(body, prompt, chat)


def answer(
    model: TellingModel,
    request: Asked,
    letters: Letters | None,
    *,
    named: str,
    headers: dict[str, str] | None = None,
    at_end: Callable[[], None] = nothing,
) -> Response:
    """The answer of `letters` (None: of the base), under the model name `named`; `at_end` is called once it is over."""
    pieces, reason = _stopped(model.pieces(request.prompt, request.max_tokens, letters), request.body.get("stop"))
    usage = {"prompt_tokens": len(request.prompt), "completion_tokens": len(pieces)}
    usage["total_tokens"] = sum(usage.values())
    if request.body.get("stream"):
        events = _events(request, pieces, reason, named, usage, at_end)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    at_end()
    choice = {"index": 0, "finish_reason": reason, "logprobs": None, **_text(request, "".join(pieces), whole=True)}
    return JSONResponse(_envelope(request, named, [choice], whole=True) | {"usage": usage}, headers=headers)


def _stopped(pieces: list[str], stop: object) -> tuple[list[str], str]:
    stops = [stop] if isinstance(stop, str) else list(stop) if isinstance(stop, list) else []
    text = "".join(pieces)
    found = [text.find(each) for each in stops if each in text]
    return ([text[: min(found)]], "stop") if found else (pieces, "length")


def _text(request: Asked, text: str, *, whole: bool) -> dict[str, Any]:
    if not request.chat:
        return {"text": text}
    return {"message" if whole else "delta": {"role": "assistant", "content": text}}


def _envelope(request: Asked, named: str, choices: list[dict[str, Any]], *, whole: bool) -> dict[str, Any]:
    kind = ("chat.completion" if whole else "chat.completion.chunk") if request.chat else "text_completion"
    return {"id": "sim-1", "object": kind, "created": 0, "model": named, "choices": choices}


async def _events(
    request: Asked, pieces: list[str], reason: str, named: str, usage: dict[str, int], at_end: Callable[[], None]
) -> AsyncIterator[bytes]:
    try:
        for number, piece in enumerate(pieces, 1):
            last = reason if number == len(pieces) else None
            choice = {"index": 0, "finish_reason": last, **_text(request, piece, whole=False)}
            yield _event(_envelope(request, named, [choice], whole=False))
            await asyncio.sleep(0)
        if (request.body.get("stream_options") or {}).get("include_usage"):
            yield _event(_envelope(request, named, [], whole=False) | {"usage": usage})
        yield b"data: [DONE]\n\n"
    finally:
        at_end()


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"
