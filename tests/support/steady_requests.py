"""Clients that ask an engine all the time while something goes wrong, and write down every answer.

with steady_requests(engine.url, {"support-bot": REFUND}) as clients:
    ...
assert clients.failures == []
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from interlock.demo.traffic import TIMEOUT, Answer, ask, open_client

PACE = 0.1


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that got no answer of the model; `sent` and `ended` are monotonic seconds."""

    alias: str
    answer: Answer
    sent: float
    ended: float


@dataclass
class SteadyRequests:
    """One client that asks each alias in turn. `answers` counts (alias, stamped revision, text)."""

    url: str
    questions: Mapping[str, str]
    failed: list[FailedRequest] = field(default_factory=list)
    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def answered(self) -> int:
        """How many requests were answered so far."""
        return sum(self.answers.values())

    def failures(self, *, after: float = 0.0) -> list[FailedRequest]:
        """The failed ones that were sent after a moment (monotonic seconds)."""
        return [one for one in self.failed if one.sent >= after]

    def wait_for(self, more: int, *, within: float = 60.0) -> None:
        """Wait until that many more requests were answered."""
        wanted, deadline = self.answered + more, time.monotonic() + within
        while self.answered < wanted:
            assert time.monotonic() < deadline, f"no {more} answers within {within:g} s: {self.failed[-3:]}"
            time.sleep(PACE / 2)

    def work(self) -> None:
        """Ask until `end`."""
        with open_client(self.url) as client:
            while not self._stop.wait(PACE):
                for alias, prompt in self.questions.items():
                    sent = time.monotonic()
                    answer = ask(client, alias, prompt)
                    if answer.status == 200:
                        self.answers[alias, answer.revision, answer.text] += 1
                    else:
                        self.failed.append(FailedRequest(alias, answer, sent, time.monotonic()))

    def end(self) -> None:
        """Ask no more."""
        self._stop.set()


@contextmanager
def steady_requests(url: str, questions: Mapping[str, str]) -> Iterator[SteadyRequests]:
    """Ask until the block ends; the first answer of each alias is awaited before it begins."""
    clients = SteadyRequests(url, questions)
    thread = threading.Thread(target=clients.work, daemon=True)
    thread.start()
    try:
        if questions:
            clients.wait_for(len(questions))
        yield clients
    finally:
        clients.end()
        thread.join(TIMEOUT + 5)
