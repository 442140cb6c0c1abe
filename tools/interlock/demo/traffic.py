"""Requests to an alias: single questions, and a continuous concurrent load that counts every failure."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

REVISION_HEADER = "x-interlock-revision"
TIMEOUT = 30.0
MAX_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got: the text, the revision that the answer is stamped with, and the HTTP status."""

    text: str
    revision: str
    status: int


def ask(client: httpx.Client, alias: str, prompt: str) -> Answer:
    """Ask once, greedily. A refused or broken connection is status 0."""
    body = {"model": alias, "prompt": prompt, "max_tokens": MAX_TOKENS, "temperature": 0}
    try:
        reply = client.post("/v1/completions", json=body)
    except httpx.TransportError as error:
        return Answer(f"{type(error).__name__}: {error}", "", 0)
    if reply.status_code != 200:
        return Answer(reply.text[:200], "", reply.status_code)
    return Answer(reply.json()["choices"][0]["text"], reply.headers.get(REVISION_HEADER, ""), 200)


def open_client(url: str) -> httpx.Client:
    """A client for the engine on this machine; no proxies."""
    return httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)


@dataclass
class Load:
    """Continuous load by several workers, each asking again as soon as it is answered.

    `first_seen` holds, for each revision, the monotonic times at which it answered first after `mark()`.
    """

    url: str
    alias: str
    prompt: str
    workers: int = 4
    requests: int = 0
    failures: list[Answer] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.workers)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every worker finish its request, then return."""
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT + 5)

    def mark(self) -> float:
        """Forget which revisions answered before now; returns now (monotonic seconds)."""
        with self._lock:
            self._first.clear()
            return time.monotonic()

    def wait_for(self, revision: str, *, within: float) -> float | None:
        """Wait until `revision` has answered since the mark; returns when it did, or None after `within` seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with self._lock:
                if revision in self._first:
                    return self._first[revision]
            self._stop.wait(0.005)
        return None

    def _work(self) -> None:
        with open_client(self.url) as client:
            while not self._stop.is_set():
                sent = time.monotonic()
                self._note(ask(client, self.alias, self.prompt), sent)

    def _note(self, answer: Answer, sent: float) -> None:
        with self._lock:
            self.requests += 1
            if answer.status != 200:
                self.failures.append(answer)
                return
            self.answers[answer.revision, answer.text] += 1
            self._first.setdefault(answer.revision, time.monotonic())
