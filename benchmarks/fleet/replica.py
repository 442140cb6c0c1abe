"""One of many engines of a fleet, of which only the first is a real process.

What is measured is git, judging and planning, not inference: a replica keeps its own list of adapters, and answers the
proofs with what one real embedded engine answered to the same question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.engines.driver import Capabilities, EngineDriver, EngineIdentity, Message, RoutingProbe
from interlock.sync.engine_view import read_table


@dataclass
class Recorded:
    """Answers of the real engine, asked once for each question."""

    real: EngineDriver
    answers: dict[object, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def once(self, question: object, ask: Callable[[], Any]) -> Any:
        """The answer to `question`, from `ask` the first time."""
        with self.lock:
            if question not in self.answers:
                self.answers[question] = ask()
            return self.answers[question]

    def completion(self, model: str, directory: str, prompt: str, max_tokens: int) -> str:
        """What the real engine answers with the adapter of a directory, or with its base for ""."""

        def ask() -> str:
            if directory and model not in self.real.adapters():
                self.real.load(model, directory)
            return self.real.complete(model, prompt, max_tokens=max_tokens)

        return str(self.once(("complete", model, prompt, max_tokens), ask))


class Replica:
    """An `EngineDriver` of its own; `routes` is the table that its middleware would serve."""

    capabilities = Capabilities()

    def __init__(self, recorded: Recorded, routes: Path) -> None:
        self._recorded, self._routes = recorded, routes
        self._loaded: dict[str, str] = {}

    def identity(self) -> EngineIdentity:
        """See `EngineDriver.identity`."""
        found: EngineIdentity = self._recorded.once("identity", self._recorded.real.identity)
        return found

    def adapters(self) -> Mapping[str, str]:
        """See `EngineDriver.adapters`."""
        return dict(self._loaded)

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """See `EngineDriver.load`."""
        self._loaded[name] = directory

    def unload(self, name: str) -> None:
        """See `EngineDriver.unload`."""
        self._loaded.pop(name, None)

    def tokenize_text(self, text: str) -> list[int]:
        """See `EngineDriver.tokenize_text`."""
        return list(self._recorded.once(("text", text), lambda: self._recorded.real.tokenize_text(text)))

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """See `EngineDriver.tokenize_conversation`."""
        key = ("talk", tuple(messages))
        return list(self._recorded.once(key, lambda: self._recorded.real.tokenize_conversation(messages)))

    def complete(self, model: str, prompt: str, *, max_tokens: int) -> str:
        """See `EngineDriver.complete`."""
        return self._recorded.completion(model, self._loaded.get(model, ""), prompt, max_tokens)

    def routing(self) -> RoutingProbe:
        """See `EngineDriver.routing`: the table on disk is served at once."""
        table = read_table(self._routes)
        return RoutingProbe(live=True, table_digest=table.digest if table else "")

    def process(self) -> str:
        """See `EngineDriver.process`."""
        return "replica"

    def close(self) -> None:
        """See `EngineDriver.close`."""
