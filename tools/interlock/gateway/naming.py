"""Puts the engine's own name of an adapter in the place of its served name, at the edge.

Called after the routing middleware has decided, so the body was already read in only one way. Refuses what would choose
an adapter beside `model`: SGLang takes `lora_path`, LoRAX `adapter_id` and more, and the routing would not know.
"""

from __future__ import annotations

import json
from typing import Final

from interlock.engines.naming import Naming
from interlock.routing.answers import replaying, send_refusal
from interlock.routing.asgi import Application, Receive, Scope, Send
from interlock.routing.form_body import parse_form_body
from interlock.routing.json_body import parse_json_body
from interlock.routing.refusal import Refusal, bad_request
from interlock.routing.request_body import RequestBody
from interlock.routing.request_head import RequestHead, read_head, with_length

CHOOSING: Final = frozenset(
    {"adapter_id", "adapter_parameters", "adapter_source", "api_token", "lora_path", "merged_adapters", "parameters"}
)
"""Keys by which an engine takes an adapter, or the place that it comes from, beside `model`."""


class EdgeNaming:
    """Renames the model of requests to `app`; everything else passes as it is."""

    def __init__(self, app: Application, naming: Naming) -> None:
        self._app, self._naming = app, naming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI asks."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            if body is None:
                return
            data = self._renamed(body, read_head(scope["headers"]))
        except Refusal as refusal:
            await send_refusal(send, refusal)
            return
        await self._app({**scope, "headers": with_length(scope["headers"], len(data))}, replaying(data, receive), send)

    def _renamed(self, data: bytes, head: RequestHead) -> bytes:
        if not data:
            return data
        form = head.announces_form
        body: RequestBody = parse_form_body(data, head.content_type) if form else parse_json_body(data)
        if not form:
            _refuse_choosing(data)
        return body.with_model(self._naming.of(body.model.name)) if body.model else data


def _refuse_choosing(data: bytes) -> None:
    document = json.loads(data)
    chosen = sorted(CHOOSING & document.keys()) if isinstance(document, dict) else []
    if chosen:
        raise bad_request(
            f"`{chosen[0]}` chooses an adapter beside `model`.", param=chosen[0], remedy="Name its alias as `model`."
        )


async def _whole(receive: Receive) -> bytes | None:
    """The body, which the routing middleware has already bounded where it reads it, or None without its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
