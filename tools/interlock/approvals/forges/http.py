"""Asks a forge over its REST API: waits and tries again where that helps, and turns every failure into one type.

Called by the readers and by `forge doctor`. The token stands in one header, goes to the forge's own host only, and is
in no message. What is asked for is only ever read: there is no way to write here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from interlock.approvals.forges.answers import refusal_words
from interlock.approvals.forges.connection import Answer, NoAnswer, UnusableAnswer, get
from interlock.approvals.forges.waiting import Wait, wait_after
from interlock.errors import ForgeMisbehaved, ForgeRefused, ForgeUnreachable

TRIES: Final = 4
ALL_CALLS_S: Final = 600.0
ALL_BODIES_BYTES: Final = 64 * 1024 * 1024
MAX_REDIRECTS: Final = 3
_MOVED = frozenset({301, 302, 303, 307, 308})


class Clock(Protocol):
    """Time for waits; the deadline of one exchange is always by the machine's own clock."""

    def now(self) -> float:
        """Seconds since 1970, by the wall clock."""

    def sleep(self, seconds: float) -> None:
        """Do nothing for so many seconds."""


class MachineClock:
    """The machine's own clock."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API of one forge is and how to ask it.

    `server` is `https://host[:port]`, `root` the path before every call. `authorization` is the header with the token,
    empty without one; `token_advice` says to a person where the token comes from and what it must be allowed.
    """

    server: str
    root: str
    headers: Mapping[str, str]
    authorization: Mapping[str, str] = field(default_factory=dict, repr=False)
    token_advice: str = ""


class ForgeHttp:
    """GETs from one forge, for one command.

    `call_s` bounds one exchange, `patience_s` all waits between them together, `all_s` everything (in seconds by the
    machine's own clock).
    """

    def __init__(
        self,
        api: Api,
        *,
        clock: Clock | None = None,
        call_s: float = 20.0,
        patience_s: float = 120.0,
        all_s: float = ALL_CALLS_S,
    ) -> None:
        self._api = api
        self._clock = clock or MachineClock()
        self._call_s = call_s
        self._patience_left = patience_s
        self._ends = time.monotonic() + all_s
        self._bytes_left = ALL_BODIES_BYTES

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET of `path` below the API's root, if it is 200.

        Raises:
            ForgeUnreachable: no complete answer, or only "later", as often and as long as is tried.
            ForgeRefused: any other status.
            ForgeMisbehaved: a redirect to somewhere else, or an answer that nobody may read on.
        """
        target = f"{self._api.root}{path}" + (f"?{urlencode(query)}" if query else "")
        for number in range(TRIES):
            outcome = self._once(target, number)
            if isinstance(outcome, Answer):
                return outcome
            self._wait(outcome, target, last=number == TRIES - 1)
        raise AssertionError("the last wait raises")

    def where(self, path: str) -> str:
        """The call of a path as a person could repeat it, without its token."""
        return self._called(self._api.root + path)

    def _called(self, target: str) -> str:
        return f"GET {self._api.server}{target}"

    def _once(self, target: str, number: int) -> Answer | Wait:
        """An answer of 200, or how long to wait before the next try."""
        try:
            answer = self._following(target)
        except NoAnswer as error:
            if not error.retry:
                raise self._unreachable(target, str(error)) from None
            return wait_after(number, str(error))
        except UnusableAnswer as error:
            raise ForgeMisbehaved(f"{self._called(target)}: {error}", expected="a short JSON answer") from None
        if answer.status == 200:
            return answer
        wait = wait_after(number, f"it answered {answer.status}", answer, self._clock.now())
        if wait.helps:
            return wait
        raise self._refused(target, answer)

    def _following(self, target: str) -> Answer:
        """The answer behind redirects within the forge's own host, as for a repository that was renamed."""
        at = target
        for _ in range(MAX_REDIRECTS + 1):
            headers = {**self._api.headers, **self._api.authorization}
            answer = get(self._api.server, at, headers, within_s=self._time_left())
            self._bytes_left -= len(answer.body)
            if self._bytes_left < 0:
                raise UnusableAnswer(f"more than {ALL_BODIES_BYTES} bytes were answered all together")
            if answer.status not in _MOVED:
                return answer
            at = self._redirected(target, at, answer.headers.get("location", ""))
        raise ForgeMisbehaved(f"{self._called(target)}: more than {MAX_REDIRECTS} redirects after one another")

    def _time_left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise NoAnswer("everything together takes too long", retry=False)
        return min(self._call_s, left)

    def _redirected(self, target: str, at: str, location: str) -> str:
        try:
            parts = urlsplit(urljoin(self._api.server + at, location))
        except ValueError:
            parts = urlsplit("")
        if f"{parts.scheme}://{parts.netloc}" != self._api.server or not location:
            raise ForgeMisbehaved(
                f"{self._called(target)}: a redirect to {(parts.hostname or 'nowhere')[:200]}, which is not followed"
                " because the token would go along",
                expected="an answer from the forge itself",
                remedy="name the forge by the address that it is served at",
            )
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _wait(self, wait: Wait, target: str, *, last: bool) -> None:
        if last or wait.seconds > self._patience_left:
            later = f", and asks to wait {wait.seconds:.0f} s" if wait.asked else ""
            raise self._unreachable(target, wait.why + later)
        self._patience_left -= wait.seconds
        self._clock.sleep(wait.seconds)

    def _unreachable(self, target: str, why: str) -> ForgeUnreachable:
        return ForgeUnreachable(
            f"{self._called(target)}: {why}",
            expected="an answer from the forge",
            remedy="check the address and the network, then run the same command again later",
        )

    def _refused(self, target: str, answer: Answer) -> ForgeRefused:
        words = refusal_words(answer, tuple(self._api.authorization.values()))
        return ForgeRefused(
            f"{self._called(target)}: the forge answered {answer.status}{words}",
            status=answer.status,
            expected=_EXPECTED.get(answer.status, "an answer of 200"),
            remedy=self._api.token_advice if answer.status in _EXPECTED else "",
        )


_EXPECTED = {
    401: "a token that the forge knows and that has not expired",
    403: "a token that may read this",
    404: "a repository and a proposal that are there, and a token that may see them",
}
