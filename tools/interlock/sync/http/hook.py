"""`POST /hooks/push`: a forge says that somebody pushed. A hint and no more: it makes the next poll due at once.

Nothing in the body is read or believed; what counts is only that the sender knows the secret, which is compared in
constant time. Hints are rate limited: those that come too fast become one that comes a little later, so none is lost.
A hint that is forged, or lost, changes nothing that polling would not have found.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable

from interlock.sync.http.exchange import Answer, Request, told

HOOK_PATH = "/hooks/push"
MAX_BODY_BYTES = 1 << 20
BURST = 5
SECONDS_PER_HINT = 2.0
OUTCOMES = ("accepted", "delayed", "refused")

_SIGNED = {"x-hub-signature-256": "sha256=", "x-gitea-signature": "", "x-forgejo-signature": ""}
"""Header with the HMAC-SHA256 of the body in hexadecimal → what stands before it. GitHub; Gitea; Forgejo."""
_TOKEN = "x-gitlab-token"


def is_authentic(request: Request, secret: bytes) -> bool:
    """Whether the sender knows the secret: at least one header of a forge says so, and none says otherwise."""
    given = {name for name, _ in request.headers}
    verdicts = [_signed(request, name, secret) for name in _SIGNED if name in given]
    if _TOKEN in given:
        verdicts.append(hmac.compare_digest(_value(request, _TOKEN), secret))
    return bool(verdicts) and all(verdicts)


def _signed(request: Request, name: str, secret: bytes) -> bool:
    expected = _SIGNED[name] + hmac.new(secret, request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(_value(request, name), expected.encode("ascii"))


def _value(request: Request, name: str) -> bytes:
    return (request.header(name) or "").encode("latin-1")


class HintGate:
    """How fast hints may come: a burst at once, then one in `SECONDS_PER_HINT`. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_at = clock()  # when every hint of a burst is there again
        self._pending_until = float("-inf")

    def delay(self) -> float | None:
        """Seconds after which to pass on a hint that came now; None where one is coming anyhow."""
        now = self._clock()
        if now < self._pending_until:
            return None
        self._full_at = max(self._full_at, now) + SECONDS_PER_HINT
        delay = max(0.0, self._full_at - now - BURST * SECONDS_PER_HINT)
        if delay:
            self._pending_until = now + delay
        return delay


class Hook:
    """Passes authentic hints on. `later` calls back after some seconds in the same thread."""

    def __init__(
        self,
        secret: str,
        hint: Callable[[], None],
        later: Callable[[float, Callable[[], None]], None],
        clock: Callable[[], float],
    ) -> None:
        self._secret = secret.encode("utf-8")
        self._hint, self._later = hint, later
        self._gate = HintGate(clock)
        self.counts: Counter[str] = Counter()

    def __call__(self, request: Request) -> Answer:
        """Answer one call of a forge."""
        if not is_authentic(request, self._secret):
            return self._counted("refused", 403, {"error": "no header shows that the sender knows the secret"})
        delay = self._gate.delay()
        if delay == 0:
            self._hint()
            return self._counted("accepted", 202, {"hint": "the remote is asked now"})
        if delay is not None:
            self._later(delay, self._hint)
        return self._counted("delayed", 202, {"hint": "the remote is asked soon: hints come too fast"})

    def _counted(self, outcome: str, status: int, document: dict[str, object]) -> Answer:
        self.counts[outcome] += 1
        return told(status, document)

    def metrics(self) -> str:
        """The counts in Prometheus' text format."""
        samples = "".join(f'interlock_agent_hints_total{{outcome="{one}"}} {self.counts[one]}\n' for one in OUTCOMES)
        return (
            "# HELP interlock_agent_hints_total Calls of /hooks/push since the agent began.\n"
            "# TYPE interlock_agent_hints_total counter\n" + samples
        )
