"""One question to the agent over HTTP: load this revision, please. Standard library only, bounded in size and time.

`POST /want` with the agent's token and `{"name": …, "seconds": …}`. The agent answers 200 when the revision is loaded
and proven, 202 when it is still busy after those seconds, and 503 with `{"reason": …, "retry_after": …}` when it will
not load it now. Called by routing/waiting.py, once at a time for each name.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from interlock.routing.settings import AgentAddress

WANT_PATH = "/want"
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_REASON = 600
LONGEST_RETRY_S = 3600
_GRACE_S = 2.0


class NoAnswer(Exception):
    """The agent could not be reached, or what came back is no answer of it."""


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What the agent said: `loaded`, or `refused` with a reason for the log and seconds to wait, or neither yet."""

    loaded: bool = False
    refused: bool = False
    reason: str = ""
    retry_after: int | None = None


async def ask_agent(agent: AgentAddress | None, token: bytes, name: str, *, within: float) -> AgentAnswer:
    """Ask for the served name `name`; the agent may take `within` seconds for its answer.

    Raises:
        NoAnswer: nothing usable came back in time.
    """
    if agent is None:
        raise NoAnswer("it has no address")
    try:
        async with asyncio.timeout(within + _GRACE_S):
            return _answer(*await _exchange(agent, _request(agent, token, name, within)))
    except TimeoutError:
        raise NoAnswer(f"nothing came back within {within + _GRACE_S:g} seconds") from None
    except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}"[:MAX_REASON]) from None


def _request(agent: AgentAddress, token: bytes, name: str, within: float) -> bytes:
    body = json.dumps({"name": name, "seconds": within}).encode("ascii")
    head = (
        f"POST {WANT_PATH} HTTP/1.1\r\nHost: {agent.authority}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nX-Interlock-Token: "
    )
    return head.encode("ascii") + token + b"\r\n\r\n" + body


async def _exchange(agent: AgentAddress, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer."""
    reader, writer = await asyncio.open_connection(agent.host, agent.port, limit=MAX_HEAD_BYTES)
    try:
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = _head(head)
        return status, await reader.readexactly(length)
    finally:
        writer.transport.abort()  # everything that matters was read, and a peer that hangs is not waited for
        with suppress(OSError):
            await writer.wait_closed()


def _head(head: bytes) -> tuple[int, int]:
    lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = [*lines[0].split(" "), ""]
    fields = dict(line.lower().split(":", 1) for line in lines[1:] if ":" in line)
    length = fields.get("content-length", "").strip()
    if not (version.startswith("HTTP/1.") and status.isdecimal() and length.isdecimal()):
        raise ValueError("the answer is not HTTP with a length")
    if len(length) > 9 or int(length) > MAX_BODY_BYTES:
        raise ValueError(f"the answer is longer than {MAX_BODY_BYTES} bytes")
    return int(status), int(length)


def _answer(status: int, body: bytes) -> AgentAnswer:
    if status == 200:
        return AgentAnswer(loaded=True)
    if status == 202:
        return AgentAnswer()
    document = json.loads(body) if status == 503 else {}
    if not isinstance(document, Mapping) or "reason" not in document:
        raise ValueError(f"HTTP {status} without a reason")
    return AgentAnswer(
        refused=True, reason=str(document["reason"])[:MAX_REASON], retry_after=_seconds(document.get("retry_after"))
    )


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_RETRY_S:
        return None
    return max(1, round(value))
