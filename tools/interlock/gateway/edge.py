"""What is done to a request between the routing and the engine: the engine's own name of the adapter is put in place.

Called after the routing middleware has decided, so the body was already read in only one way. Refuses what administers
adapters or the engine, the agent's token or not, because the agent talks to the engine itself; a GET that is not known
to change nothing; and what would choose an adapter beside `model`: SGLang takes `lora_path`, LoRAX `adapter_id` and
more, and the routing would not know.
"""

from __future__ import annotations

import json
from typing import Final

from interlock.engines.naming import Naming
from interlock.gateway.reading import is_reading
from interlock.routing.administration import is_administration
from interlock.routing.answers import replaying, send_refusal
from interlock.routing.asgi import Application, Receive, Scope, Send, route_path
from interlock.routing.form_body import parse_form_body
from interlock.routing.json_body import parse_json_body
from interlock.routing.refusal import Refusal, bad_request, forbidden
from interlock.routing.request_body import RequestBody, read_body
from interlock.routing.request_head import RequestHead, read_head, with_length
from interlock.routing.settings import OPEN_PATHS

CHOOSING: Final = frozenset(
    {
        "adapter_id",
        "adapter_parameters",
        "adapter_source",
        "api_token",
        "lora_id",
        "lora_path",
        "merged_adapters",
        "parameters",
    }
)
"""Keys by which an engine takes an adapter, or the place that it comes from, beside `model`."""


class Edge:
    """Renames the model of requests to `app`; everything else that may pass does so as it is. `opened` are paths that
    the operator lets clients ask."""

    def __init__(
        self, app: Application, naming: Naming, *, max_body_bytes: int, opened: frozenset[str] = frozenset()
    ) -> None:
        self._app, self._naming = app, naming
        self._max_body_bytes, self._opened = max_body_bytes, opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._http(scope, receive, send)
        except Refusal as refusal:
            await send_refusal(send, refusal)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check_permitted(scope["method"], route_path(scope))
        if scope["method"] == "POST":
            body = await read_body(receive, None, self._max_body_bytes)
            if body is None:
                return
            data = self._renamed(body, read_head(scope["headers"]))
            scope, receive = {**scope, "headers": with_length(scope["headers"], len(data))}, replaying(data, receive)
        await self._app(scope, receive, send)

    def _check_permitted(self, method: str, path: str) -> None:
        if is_administration(path):
            found = "Adapters and the engine are administered by the Interlock agent only, and not through here."
            raise forbidden(found, "Promote or roll back with a commit; the agent applies it.")
        if method in ("GET", "HEAD") and not is_reading(path, self._opened):
            found = "This path is not known to change nothing."
            raise forbidden(found, f"If clients need it, name it in {OPEN_PATHS} in the gateway's environment.")

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
