"""The data path: one plain ASGI class in front of an engine's application.

    vllm serve … --middleware interlock.routing.middleware.RoutingMiddleware

It turns the alias in a request into the revision that git says, stamps that revision on the answer, keeps the
administration of the engine for the agent, and answers `GET /interlock/routing` so that the agent can tell that it is
really there. Standard library only; configured by the environment (routing/settings.py); see docs/routing.md.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from interlock.routing.administration import is_administration, is_inference
from interlock.routing.answers import PROBE_PATH, replaying, send_probe, send_refusal, stamping
from interlock.routing.asgi import Application, Receive, Scope, Send, route_path
from interlock.routing.decision import Decision, decide, splits
from interlock.routing.form_body import parse_form_body
from interlock.routing.in_flight import InFlight, is_alone
from interlock.routing.json_body import parse_json_body
from interlock.routing.refusal import Refusal, bad_request, forbidden, unavailable, unknown_model
from interlock.routing.request_body import RequestBody, read_body
from interlock.routing.request_head import RequestHead, read_head, with_length, without_token
from interlock.routing.settings import ADMIN_TOKEN, OPEN_PATHS, RoutingSettings
from interlock.routing.table import RouteTable
from interlock.routing.table_file import RouteTableFile
from interlock.routing.waiting import Ask, Waiting

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RoutingMiddleware:
    """Routes and guards the application `app`; `settings` come from the environment unless a test gives them, and `ask`
    stands for the agent in tests."""

    def __init__(self, app: Application, settings: RoutingSettings | None = None, ask: Ask | None = None) -> None:
        self._app = app
        self._settings = RoutingSettings.from_environment(os.environ) if settings is None else settings
        self._file = RouteTableFile(self._settings.routes)
        self._in_flight = InFlight()
        self._waiting = Waiting(self._settings, ask)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI asks."""
        if scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except Refusal as refusal:
                await send_refusal(send, refusal)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = read_head(scope["headers"])
        trusted = self._settings.is_agent(head.token)
        path = route_path(scope)
        if path == PROBE_PATH and scope["method"] in READING_METHODS:
            state = self._file.current()
            await send_probe(send, state, self._traffic(state.table) if trusted else None)
            return
        if not trusted:
            self._check_permitted(scope["method"], path, head)
        if head.token:
            scope = {**scope, "headers": without_token(scope["headers"])}
        if scope["method"] == "POST" and is_inference(path, self._settings.opened):
            await self._inference(scope, receive, send, head, trusted)
        else:
            await self._app(scope, receive, send)

    def _check_permitted(self, method: str, path: str, head: RequestHead) -> None:
        if is_administration(path):
            raise self._administration_refused(head)
        if head.names_adapter:
            raise bad_request("An adapter is chosen in a header.", remedy="Name its alias as `model` in the body.")
        if method not in READING_METHODS and not (method == "POST" and is_inference(path, self._settings.opened)):
            found = "This path is not known to be harmless, so only the Interlock agent may change anything there."
            raise forbidden(found, f"If clients need it, name it in {OPEN_PATHS} in the engine's environment.")

    def _administration_refused(self, head: RequestHead) -> Refusal:
        found = "Adapters and the engine are administered by the Interlock agent only."
        if not self._settings.token:
            return forbidden(found, f"No {ADMIN_TOKEN} is set in the engine's environment, so nobody may do this.")
        if head.token:
            return forbidden(found, "The X-Interlock-Token of this request is not the agent's.")
        return forbidden(found, "Promote or roll back with a commit; the agent applies it.")

    async def _inference(self, scope: Scope, receive: Receive, send: Send, head: RequestHead, trusted: bool) -> None:
        data = await read_body(receive, head.length, self._settings.max_body_bytes)
        if data is None:
            return
        body = _parsed(data, head)
        decision = self._decide(body, head, trusted)
        # The agent itself asks lazy revisions before anybody else may: nobody loads them for it.
        if decision is not None and decision.lazy and not trusted:
            if not await self._waiting.until_loaded(decision.revision, self._is_loaded(decision.revision), receive):
                return
            decision = self._decide(body, head, trusted)
            if decision is not None and decision.lazy:
                raise unavailable("The model was moved while the request waited for it.", retry_after=1)
        if decision is not None and decision.model is not None:
            data, send = body.with_model(decision.model), stamping(send, decision)
        scope = {**scope, "headers": with_length(scope["headers"], len(data))}
        await self._counted(decision.revision if decision else "", self._app(scope, replaying(data, receive), send))

    async def _counted(self, revision: str, answering: Awaitable[None]) -> None:
        """Wait for the whole answer. Nothing may wait between the decision and the count: the agent relies on both."""
        if not revision:
            await answering
            return
        self._in_flight.begin(revision)
        try:
            await answering
        finally:
            self._in_flight.end(revision)

    def _is_loaded(self, revision: str) -> Callable[[], bool]:
        def is_loaded() -> bool:
            table = self._file.current().table
            return table is None or revision not in table.lazy

        return is_loaded

    def _traffic(self, table: RouteTable | None) -> dict[str, object]:
        """What the agent learns from the probe beyond what everybody does."""
        known = table.served | table.lazy if table else frozenset()
        return {
            "in_flight": self._in_flight.counts(),
            "idle": self._in_flight.idle(known),
            "alone": is_alone(),
            "waits": self._settings.asks_agent,
        }

    def _decide(self, body: RequestBody, head: RequestHead, trusted: bool) -> Decision | None:
        """The decision about the model that the body names; None when it names none: the engine's default, the base."""
        if body.model is None:
            return None
        model = body.model.name
        table = self._file.current().table
        key = body.opening() if splits(table, model) else b""
        decision = decide(table, model, head.tenant, body.user, key, trusted=trusted)
        if decision.model is None:
            raise unknown_model(model)
        return decision

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a websocket pass unless it opens an administration path.

        A socket names its model inside its messages, where the engine takes its base only.
        """
        try:
            head = read_head(scope["headers"])
            refused = is_administration(route_path(scope)) and not self._settings.is_agent(head.token)
        except Refusal:
            refused = True
        if refused:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "administered by the Interlock agent only"})
            return
        await self._app({**scope, "headers": without_token(scope["headers"])}, receive, send)


def _parsed(data: bytes, head: RequestHead) -> RequestBody:
    if head.encoding not in (b"", b"identity"):
        raise bad_request("The request body has a content-encoding.", remedy="Send it uncompressed.")
    if not data:
        return RequestBody(data)
    return parse_form_body(data, head.content_type) if head.announces_form else parse_json_body(data)
