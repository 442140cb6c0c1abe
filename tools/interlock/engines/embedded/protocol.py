"""Requests and answers of the embedded engine, in the shapes of vLLM's OpenAI-compatible interface.

Used by server.py and completions.py. A request is parsed once, here; a field that would change the answer and is not
supported is refused rather than ignored, and fields that change nothing (`user`, `metadata`, …) are ignored.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from interlock.engines.embedded.refusals import Refusal, bad_request

MAX_STOPS: Final = 16
MAX_MESSAGES: Final = 256

TokenId = Annotated[int, Field(ge=0)]
StopText = Annotated[str, Field(min_length=1, max_length=200)]
FinishReason = Literal["stop", "length"]


class Request(BaseModel):
    """A request body; unknown fields are ignored, as vLLM does."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


R = TypeVar("R", bound=Request)


class StreamOptions(Request):
    """Whether a stream ends with a chunk that counts tokens."""

    include_usage: bool = False


class SamplingRequest(Request):
    """What completions and chat have in common. Temperature 0, greedy, is the default."""

    model: str | None = None
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    stop: StopText | Annotated[list[StopText], Field(max_length=MAX_STOPS)] | None = None
    ignore_eos: bool = False
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    best_of: Literal[1] | None = None
    logit_bias: None = None
    presence_penalty: Literal[0] | Annotated[float, Field(ge=0.0, le=0.0)] | None = None
    frequency_penalty: Literal[0] | Annotated[float, Field(ge=0.0, le=0.0)] | None = None
    response_format: None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end the answer."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def counts_in_stream(self) -> bool:
        """Whether the stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class CompletionRequest(SamplingRequest):
    """The body of `/v1/completions`: one prompt, as text or as token ids."""

    prompt: str | Annotated[list[TokenId], Field(min_length=1)]
    max_tokens: int | None = Field(default=16, ge=1)
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    logprobs: None = None


class TextPart(Request):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class ChatMessage(Request):
    """One turn of a conversation."""

    role: Annotated[str, Field(min_length=1, max_length=64)]
    content: str | list[TextPart]

    def as_template_input(self) -> dict[str, str]:
        """The turn as a chat template takes it."""
        content = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return {"role": self.role, "content": content}


Conversation = Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]


class ChatRequest(SamplingRequest):
    """The body of `/v1/chat/completions`."""

    messages: Conversation
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    add_generation_prompt: Literal[True] = True
    logprobs: Literal[False] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None


class TokenizeRequest(Request):
    """The body of `/tokenize`: a prompt or a conversation, never both."""

    model: str | None = None
    prompt: str | None = None
    messages: Conversation | None = None
    add_special_tokens: bool | None = None
    add_generation_prompt: bool = True
    return_token_strs: bool | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> TokenizeRequest:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("exactly one of `prompt` and `messages` is needed")
        return self


class LoadRequest(Request):
    """The body of `/v1/load_lora_adapter`; `lazy` defers reading to the first request."""

    lora_name: Annotated[str, Field(min_length=1, max_length=256)]
    lora_path: Annotated[str, Field(min_length=1, max_length=4096)]
    lazy: bool = False
    load_inplace: Literal[False] = False


class UnloadRequest(Request):
    """The body of `/v1/unload_lora_adapter`."""

    lora_name: Annotated[str, Field(min_length=1, max_length=256)]


def parse(shape: type[R], body: bytes) -> R:
    """Read a request body. Raises Refusal (400) that names the field and never repeats its value."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise bad_request(message, param=place or None) from None


def error_body(refusal: Refusal) -> dict[str, Any]:
    """A refusal as vLLM words errors."""
    info = {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.status.value}
    return {"error": info}


def new_id(prefix: str) -> str:
    """Return an id for one answer."""
    return f"{prefix}-{uuid.uuid4().hex}"


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Token counts of one answer."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def envelope(kind: str, answer_id: str, model: str, choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The outer object that completions, chat completions and their chunks share."""
    return {"id": answer_id, "object": kind, "created": int(time.time()), "model": model, "choices": list(choices)}


def completion_choice(text: str, finish: FinishReason | None, stop: str | None) -> dict[str, Any]:
    """The one choice of a completion or of a chunk of it; `stop` is the stop text that ended it."""
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": stop}


def chat_choice(text: str, finish: FinishReason | None, stop: str | None) -> dict[str, Any]:
    """The one choice of a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "tool_calls": []}
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": finish, "stop_reason": stop}


def chat_chunk_choice(text: str, finish: FinishReason | None, stop: str | None) -> dict[str, Any]:
    """The one choice of a chunk of a chat completion."""
    delta = {"content": text}
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "stop_reason": stop}


CHAT_OPENING: Final = {
    "index": 0,
    "delta": {"role": "assistant", "content": ""},
    "logprobs": None,
    "finish_reason": None,
}
"""The choice of the first chunk of a streamed chat completion."""


def model_card(name: str, root: str, *, parent: str | None, max_model_len: int | None, created: int) -> dict[str, Any]:
    """One entry of `/v1/models`; a base has no parent."""
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "interlock",
        "root": root,
        "parent": parent,
        "max_model_len": max_model_len,
        "permission": [],
    }
