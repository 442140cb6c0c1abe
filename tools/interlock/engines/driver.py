"""What the agent asks of a serving engine. A driver translates it for one kind of engine.

Every call has a timeout and a bound on what it reads, and raises only `EngineError`s: EngineUnreachable when there
was no usable answer, EngineRefused when the engine gave a reason, EngineMisbehaved when the answer breaks its own
interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

UNTOLD: Final = ""
"""In the place of a directory: the engine does not say from where it loaded an adapter."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this kind of engine can do; plan and apply ask here instead of asking for the engine's name.

    `lists_adapters`: it says which adapters it holds; where not, `adapters()` tells what the driver found out by asking
    for completions. `tells_directories`: it also says from where; where not, the values of `adapters()` are "" and the
    served name, which holds the digest, is all there is to compare. `lazy`: it can read an adapter at the first
    request. `drains_on_unload`: an unload waits in the engine for running requests. `boot_only`: adapters are named
    when it starts, so the agent writes down which and a person or a supervisor restarts it. `named_with_base`: a
    request names BASE:ADAPTER, and without the base in front it is answered by the base. `tokenizes` and `templates`:
    it shows how it tokenizes a text, and a conversation through its chat template. `unloads`: what is unloaded is gone
    from the engine; where not, it is merely counted no more, and only the routing keeps requests away from it.
    `answers_unknown`: a request for an adapter that it does not hold is answered by the base, without a word.
    `comes_back_loaded`: a new process holds its adapters again by itself, so the list does not show that it is new.
    """

    lists_adapters: bool = True
    tells_directories: bool = True
    lazy: bool = False
    drains_on_unload: bool = False
    boot_only: bool = False
    named_with_base: bool = False
    tokenizes: bool = True
    templates: bool = True
    unloads: bool = True
    answers_unknown: bool = False
    comes_back_loaded: bool = False


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Which engine answered: its kind and version, and the base that it serves.

    `base_names` are the names under which the base answers (first one preferred), `base_root` the model path that the
    engine reports, or "" when it does not say.
    """

    kind: str
    version: str
    base_names: tuple[str, ...]
    base_root: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, as the chat API takes it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class RoutingProbe:
    """What the routing middleware in front of the engine says of itself.

    `table_digest` is the SHA-256 hex of the route table it currently serves ("" when it has none), `error` why the
    newest table was not taken ("" when it was). `in_flight` counts requests by served name (None: an earlier release,
    which does not count), `idle` tells the seconds since the last request of a name ended, `alone` whether no other
    process answers requests too, and `waits` whether it holds requests for lazy names and asks the agent for them.
    """

    live: bool
    table_digest: str = ""
    error: str = ""
    in_flight: Mapping[str, int] | None = None
    idle: Mapping[str, float] = field(default_factory=dict)
    alone: bool = False
    waits: bool = False


class EngineDriver(Protocol):
    """The calls that Interlock needs; see docs/engines.md for how each engine answers them."""

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of engine can do."""

    def identity(self) -> EngineIdentity:
        """Ask the engine who it is."""

    def process(self) -> str:
        """An opaque identity of the engine's process: another one after a restart; "" where the engine shows none."""

    def adapters(self) -> Mapping[str, str]:
        """Loaded adapters: served name → directory that it was loaded from ("": see `tells_directories`). Never the
        base.
        """

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Load the adapter in `directory` under `name`; returns when it answers requests.

        Loading a name that is loaded from the same directory is a success; from another directory EngineRefused.
        `lazy` defers reading to the first request, and is only allowed where `capabilities.lazy` says so. An engine
        that takes adapters only at its start refuses every load.
        """

    def start_with(self, adapters: Mapping[str, str]) -> str:
        """The setting with which an engine that is `boot_only` must be started to hold these adapters (served name →
        directory), as NAME=VALUE; from now on `adapters()` looks for them. "" for every other kind.
        """

    def unload(self, name: str) -> None:
        """Unload an adapter; an unknown name is a success, because the wanted state holds."""

    def tokenize_text(self, text: str) -> list[int]:
        """Token ids of a text, special tokens included, as the engine's own tokenizer makes them."""

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation put through the engine's own chat template with a generation prompt."""

    def complete(self, model: str, prompt: str, *, max_tokens: int) -> str:
        """The greedy completion (temperature 0) of `prompt` by `model`, at most `max_tokens` tokens long."""

    def routing(self) -> RoutingProbe:
        """Whether the routing middleware answers in front of this engine, and with which table."""

    def close(self) -> None:
        """Give connections back; the driver is not used afterwards."""
