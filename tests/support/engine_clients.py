"""How tests talk to a running engine of support/engine_processes.py: its address for a driver, and plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from interlock.engines.address import EngineAddress
from support.engine_processes import EngineProcess

CLIENT_TIMEOUT_S = 60.0
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
"""What a request says that wants its answer in pieces, and at the end how many tokens that was."""


def address_of(engine: EngineProcess, *, admin_token: str | None = None, api_key: str | None = None) -> EngineAddress:
    """The address of a running engine with the keys that it was started with, or with others."""
    return EngineAddress(
        engine.url,
        api_key=engine.api_key if api_key is None else api_key,
        admin_token=engine.admin_token if admin_token is None else admin_token,
        timeout_s=CLIENT_TIMEOUT_S,
    )


def client_of(engine: EngineProcess) -> httpx.Client:
    """An HTTP client that sends the agent's token and the engine's key."""
    headers = {"X-Interlock-Token": engine.admin_token}
    if engine.api_key:
        headers["Authorization"] = f"Bearer {engine.api_key}"
    return httpx.Client(base_url=engine.url, headers=headers, timeout=CLIENT_TIMEOUT_S, trust_env=False)


def events_of(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The JSON events of a stream, without the `[DONE]` that ends it."""
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(event) for event in data if event != "[DONE]"]


def text_of(events: Iterable[dict[str, Any]]) -> str:
    """The text of a streamed completion."""
    return "".join(choice["text"] for event in events for choice in event["choices"])


def end_of(events: Sequence[dict[str, Any]]) -> tuple[str | None, int]:
    """Why a streamed completion ended, and how many tokens it had, of a stream that was asked to tell its usage.

    The number of events says nothing: an engine joins the tokens that its listener was too slow to take one by one.
    """
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    return reasons[-1] if reasons else None, events[-1]["usage"]["completion_tokens"]
