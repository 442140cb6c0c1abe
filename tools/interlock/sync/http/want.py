"""`POST /want`: the routing middleware asks for an adapter that is loaded at its first request, and waits.

Needs the agent's token, which the middleware has for the engine's administration anyway. Answers 200 when the adapter
is loaded and proven, 202 when that is not known within the time that the caller gave, and 503 with the reason when it
is not loaded now. See `routing/asking.py` for the other side.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from concurrent.futures import Future

from interlock.documents.identifiers import InvalidIdentifier, ServedName
from interlock.sync.http.exchange import Answer, Request, Route, Routes, told
from interlock.sync.wants import Granted, WantAnswer

WANT_PATH = "/want"
MAX_BODY_BYTES = 4096
LONGEST_S = 10.0


class WantPage:
    """The page of one agent; `want` asks its loop, `token` is what callers must show ("": nobody may ask)."""

    def __init__(self, want: Callable[[str], Future[WantAnswer]], token: str) -> None:
        self._want, self._token = want, token.encode("utf-8")

    def routes(self) -> Routes:
        """The table of this page."""
        return {("POST", WANT_PATH): Route(self.ask, MAX_BODY_BYTES)}

    async def ask(self, request: Request) -> Answer:
        """Answer one question, after at most as many seconds as it allows."""
        given = (request.header("x-interlock-token") or "").encode("latin-1")
        if not self._token or not hmac.compare_digest(given, self._token):
            return told(401, {"error": "this needs the admin token in the header X-Interlock-Token"})
        try:
            name, seconds = _question(request.body)
        except (ValueError, RecursionError) as error:
            return told(400, {"error": f'expected {{"name": SERVED NAME, "seconds": NUMBER}}: {error}'})
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(self._want(name)), seconds)
        except TimeoutError:
            return told(202, {"loaded": False})
        if isinstance(answer, Granted):
            return told(200, {"loaded": True})
        return told(503, {"reason": answer.why, "retry_after": answer.retry_after})


def _question(body: bytes) -> tuple[str, float]:
    document = json.loads(body)
    name, seconds = (document.get("name"), document.get("seconds")) if isinstance(document, dict) else (None, None)
    if not isinstance(name, str) or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("a key is missing or of another type")
    try:
        ServedName.parse(name)
    except InvalidIdentifier as error:
        raise ValueError(str(error)) from None
    return name, min(max(0.0, seconds), LONGEST_S)
