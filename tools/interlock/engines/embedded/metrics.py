"""What the embedded engine counts, as Prometheus text for `/metrics`. Used on the event loop only, so it needs no lock.

Labels are names of models and outcomes, never users or prompts. A model that does not exist is counted without its
name, so a client cannot make labels.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "interlock_engine"


class Metrics:
    """Counters of requests, tokens and loads, and the requests that run now."""

    def __init__(self) -> None:
        self._started = time.time()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[str] = Counter()
        self._loads: Counter[str] = Counter()
        self._running: Counter[str] = Counter()

    def request_began(self, model: str) -> None:
        """A request for a model that exists was taken."""
        self._running[model] += 1

    def request_ended(self, model: str, outcome: str, tokens: int) -> None:
        """It ended: `outcome` is its finish reason, "cancelled" or "failed"; `tokens` were produced."""
        self._running[model] -= 1
        self._requests[model, outcome] += 1
        self._tokens[model] += tokens

    def request_refused(self) -> None:
        """A request was answered with an error before it ran."""
        self._requests["", "refused"] += 1

    def load_ended(self, outcome: str) -> None:
        """An adapter was read: "loaded" or "failed"."""
        self._loads[outcome] += 1

    def text(self, *, registered: int, resident: int) -> str:
        """Everything in the Prometheus text format; the arguments count adapters."""
        loads = {(outcome,): self._loads[outcome] for outcome in ("loaded", "failed")}
        running = {(model,): count for model, count in self._running.items()}
        tokens = {(model,): count for model, count in self._tokens.items()}
        states = {("registered",): registered, ("resident",): resident}
        lines = [
            *_family("requests_total", "counter", "Finished requests.", ("model", "outcome"), self._requests.items()),
            *_family("requests_running", "gauge", "Requests being answered.", ("model",), running.items()),
            *_family("generated_tokens_total", "counter", "Tokens produced.", ("model",), tokens.items()),
            *_family("adapter_loads_total", "counter", "Adapters read from disk.", ("outcome",), loads.items()),
            *_family("adapters", "gauge", "Adapters by state.", ("state",), states.items()),
            "# HELP process_start_time_seconds Start of the process since the Unix epoch.",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self._started:.3f}",
        ]
        return "\n".join(lines) + "\n"


def _family(
    name: str, kind: str, meaning: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], int]]
) -> Iterable[str]:
    yield f"# HELP {PREFIX}_{name} {meaning}"
    yield f"# TYPE {PREFIX}_{name} {kind}"
    for key, value in sorted(values):
        pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in zip(labels, key, strict=True))
        yield f"{PREFIX}_{name}{{{pairs}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
