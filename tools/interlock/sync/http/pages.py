"""What the agent answers to those who watch it: alive, ready, able to take traffic, status, metrics.

Each is a function of what the agent said last and how long ago; nothing here asks the engine or the disk.

`/healthz` is about the loop, `/readyz` about git: a refused commit makes a node not ready while it serves what it
served before. `/available` is what may take a node out of a load balancer: whether requests are answered at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Protocol

from interlock.sync.http.exchange import Answer, Handler, Request, Route, Routes, told
from interlock.sync.metrics import to_live_metrics
from interlock.sync.status import Condition, Status, as_document

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Watched(Protocol):
    """The agent, as its watchers see it. Asked from another thread."""

    def latest(self) -> Status | None:
        """What the last turn found; None before the first one."""

    def quiet(self) -> float:
        """Seconds since a turn ended last, or since the agent began."""


class Pages:
    """The pages about one agent. `longest_turn`: seconds without the end of a turn after which it does not live.

    `counted` gives more samples for `/metrics`; `token` is asked for where adapters are named, unless it is "".
    """

    def __init__(
        self, watched: Watched, longest_turn: float, *, counted: Callable[[], str] = lambda: "", token: str = ""
    ) -> None:
        self._watched, self._longest_turn = watched, longest_turn
        self._counted, self._token = counted, token

    def routes(self) -> Routes:
        """The table of these pages."""
        return {
            ("GET", "/healthz"): Route(self.healthz),
            ("GET", "/readyz"): Route(self.readyz),
            ("GET", "/available"): Route(self.available),
            ("GET", "/status"): Route(self._with_token(self.status)),
            ("GET", "/metrics"): Route(self._with_token(self.metrics)),
        }

    def healthz(self, _: Request) -> Answer:
        """Whether the loop turns; `interlock status --node` asks this, too, for it needs no secret."""
        status, quiet = self._watched.latest(), self._watched.quiet()
        alive = quiet <= self._longest_turn
        told_of = {"alive": alive, "seconds_since_last_turn": round(quiet, 1)}
        return told(200 if alive else 503, told_of | {"last_poll": status.last_poll if status else None})

    def readyz(self, request: Request) -> Answer:
        """Whether the node serves what git says."""
        return self._about("Ready", "ready", request)

    def available(self, request: Request) -> Answer:
        """Whether whatever is routed is loaded and answers, be it the newest commit or an earlier one."""
        return self._about("Available", "available", request)

    def status(self, _: Request) -> Answer:
        """The status document, with its age."""
        status = self._watched.latest()
        if status is None:
            return told(503, {"error": "the first turn has not ended yet"})
        quiet = self._watched.quiet()
        return told(200, {**as_document(status), "age_seconds": round(quiet, 1), "stale": quiet > self._longest_turn})

    def metrics(self, _: Request) -> Answer:
        """The status as metrics; without a status, that the agent is there."""
        text = to_live_metrics(self._watched.latest(), self._watched.quiet()) + self._counted()
        return Answer(200, text.encode("utf-8"), METRICS_TYPE)

    def _about(self, kind: str, key: str, request: Request) -> Answer:
        status, quiet = self._watched.latest(), self._watched.quiet()
        if status is None:
            one = Condition(kind, "Unknown", "NothingYet", "the first turn has not ended yet")
        elif quiet > self._longest_turn:
            one = Condition(kind, "Unknown", "AgentSilent", f"no turn has ended for {quiet:.0f} seconds")
        else:
            one = status.condition(kind)
        holds = one.status == "True"
        # A probe shows no token and needs no more than the reason; the message may name adapters, hosts and paths.
        said = {"message": one.message} if self._may_read(request) else {}
        return told(200 if holds else 503, {key: holds, "reason": one.reason, **said})

    def _may_read(self, request: Request) -> bool:
        given = (request.header("authorization") or "").encode("latin-1")
        return not self._token or hmac.compare_digest(given, f"Bearer {self._token}".encode())

    def _with_token(self, handler: Handler) -> Handler:
        def guarded(request: Request) -> Answer:
            if not self._may_read(request):
                return told(401, {"error": "this needs the token of http.token_file"}, ("www-authenticate", "Bearer"))
            answer = handler(request)
            assert isinstance(answer, Answer)
            return answer

        return guarded
