"""The answers that the middleware gives itself, and the marks that it puts on the engine's answers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from interlock.routing.asgi import Headers, Message, Receive, Send
from interlock.routing.decision import Decision
from interlock.routing.refusal import Refusal
from interlock.routing.table_file import TableState

PROBE_PATH = "/interlock/routing"
PROBE_VERSION = 1
MARKER_HEADER = b"x-interlock-routing"
REVISION_HEADER = b"x-interlock-revision"
ALIAS_HEADER = b"x-interlock-alias"


async def send_refusal(send: Send, refusal: Refusal) -> None:
    """Answer with the refusal, as the OpenAI API words its errors."""
    after = refusal.retry_after
    headers = [(b"retry-after", str(after).encode("ascii"))] if after is not None else []
    await _send_json(send, refusal.status, refusal.document(), headers)


async def send_probe(send: Send, state: TableState, traffic: Mapping[str, object] | None = None) -> None:
    """Answer the probe: that routing is live, with which table, and why not with the newest.

    Anyone may ask, so that a load balancer can; only the agent, for whom `traffic` is, reads names and the reason.
    """
    error = f"{state.error}: {state.detail}" if traffic is not None and state.detail else state.error
    document: dict[str, object] = {
        "routing": "interlock",
        "version": PROBE_VERSION,
        "table": state.digest,
        "error": error,
    }
    document |= traffic or {}
    await _send_json(send, 200, document, [(MARKER_HEADER, b"1"), (b"cache-control", b"no-store")])


def stamping(send: Send, decision: Decision) -> Send:
    """`send` with the served revision and its alias on the start of the answer; the body passes as it is."""
    marks = [(REVISION_HEADER, decision.revision), (ALIAS_HEADER, decision.alias)]
    added = [(name, value.encode("ascii")) for name, value in marks if value]
    names = {name for name, _ in marks}

    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if bytes(pair[0]).lower() not in names]
            message = {**message, "headers": [*kept, *added]}
        await send(message)

    return stamped


def replaying(body: bytes, receive: Receive) -> Receive:
    """`receive` that hands out `body` first and then whatever the server says next, such as a disconnect."""
    pending = [body]

    async def replayed() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replayed


async def _send_json(send: Send, status: int, document: Mapping[str, object], headers: Headers) -> None:
    body = json.dumps(document).encode("ascii")
    length = str(len(body)).encode("ascii")
    all_headers = [(b"content-type", b"application/json"), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
