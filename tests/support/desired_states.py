"""Desired states, engines and what an agent knows of them, as plain values: what the tests of the plan are made of.

`SimulatedEngine` does what a step says, at once and without refusing, so that a plan can be followed to its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from interlock.documents.identifiers import ServedName
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.routing.table import RouteTable
from interlock.sync.desired import Desired, DesiredAlias, Split, Target
from interlock.sync.lazy import LazyLimits
from interlock.sync.plan import (
    Flip,
    Known,
    Load,
    Observed,
    Place,
    Plan,
    Prove,
    ProveBase,
    Refusal,
    Step,
    Unload,
    plan,
    reachable,
)
from interlock.sync.traffic import Drain, Traffic

COMMIT = "0123456789" * 4
BASES = ("tiny",)
DRAIN = 30.0
LIMIT = 600.0
DRAINING = Drain(DRAIN, LIMIT)


def digest(text: str) -> str:
    """A digest that differs with the text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@cache
def target(adapter: str, revision: str, *, lazy: bool = False) -> Target:
    """A revision with bytes of its own."""
    content = digest(f"{adapter}@{revision}")
    document = {
        "uri": f"file:artifacts/{adapter}/{revision}",
        "digest": content,
        "files": [{"path": "adapter_model.safetensors", "digest": content, "size": 1}],
    }
    artifact = Artifact.model_validate(document)
    return Target(str(ServedName.of(adapter, revision, artifact.digest)), artifact, lazy)


def served(adapter: str, revision: str) -> str:
    """The served name of a revision."""
    return target(adapter, revision).served


def directory(name: str) -> str:
    """Where the store places an adapter."""
    return f"/store/{name}"


def alias(
    adapter: str,
    active: str,
    *,
    canary: str | None = None,
    weight: float = 5.0,
    tenants: Sequence[str] = (),
    kept: Sequence[str] = (),
    lazy: bool = False,
) -> DesiredAlias:
    """An alias by the revisions of one adapter."""
    split = Split(target(adapter, canary, lazy=lazy), weight, tuple(tenants)) if canary else None
    others = tuple(target(adapter, revision, lazy=lazy) for revision in kept)
    return DesiredAlias(adapter, target(adapter, active, lazy=lazy), split, others)


def desired(*aliases: DesiredAlias, slots: int = 8, commit: str = COMMIT) -> Desired:
    """What the environment `dev` asks for."""
    return Desired(commit, "dev", base(), slots, aliases)


@cache
def base() -> BaseRevision:
    """A base revision; the plan never looks inside."""
    shape = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size")
    prints = {"digest": digest("files"), "fingerprint": digest("behaviour")}
    return BaseRevision.model_validate(
        {
            "kind": "BaseRevision",
            "name": "tiny",
            "revision": "1",
            "source": {"uri": "file:models/tiny"},
            "digest": digest("base"),
            "config": {
                "architecture": "LlamaForCausalLM",
                **dict.fromkeys(shape, 8),
                "vocab_size": 99,
                "dtype": "float32",
            },
            "tokenizer": prints,
            "chat_template": prints,
            "pedigree": {"kind": "foundation"},
            "license": "apache-2.0",
        }
    )


def refusal(why: str = "it is refused", *, retry_at: float | None = None, for_people: bool = True) -> Refusal:
    """A refusal, by default one that only a new commit ends."""
    return Refusal(why, f"repair: {why}", 5 if retry_at is None else 1, retry_at, for_people)


@dataclass
class SimulatedEngine:
    """An engine with a store and a route table, and an agent's memory of them. Every step succeeds at once."""

    adapters: dict[str, str] = field(default_factory=dict)
    table: RouteTable | None = None
    base_proven: bool = True
    directories: dict[str, str] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    unrouted_since: dict[str, float] = field(default_factory=dict)
    asked: bool = False
    exact: bool = True
    in_flight: dict[str, int] = field(default_factory=dict)
    last_used: dict[str, float] = field(default_factory=dict)
    limits: LazyLimits = field(default_factory=LazyLimits)
    now: float = 1000.0
    most_loaded: int = 0
    ever_ready: set[str] = field(default_factory=set)

    def hold(self, names: Iterable[str]) -> SimulatedEngine:
        """Load and prove adapters as if that had been done before."""
        for name in names:
            self.adapters[name] = self.directories[name] = directory(name)
            self.proven.add(name)
        self.ever_ready |= self.proven
        return self

    def restart(self) -> None:
        """Lose the adapters; the agent notices, and the route table on disk stays."""
        self.adapters.clear()
        self.proven.clear()
        self.base_proven = False

    @property
    def observed(self) -> Observed:
        """The engine as it answers now."""
        traffic = Traffic(dict(self.in_flight), dict(self.last_used), self.exact)
        return Observed(dict(self.adapters), BASES, self.table, traffic)

    @property
    def known(self) -> Known:
        """The agent's memory as the plan gets it."""
        return Known(
            base_proven=self.base_proven,
            directories=dict(self.directories),
            proven=frozenset(self.proven),
            refusals=dict(self.refusals),
            unrouted_since=dict(self.unrouted_since),
            asked=self.asked,
        )

    def plan(self, wanted: Desired) -> Plan:
        """Note what is out of reach and since when all is used, as the agent does before it plans, and plan."""
        used = reachable(self.table)
        self.unrouted_since = {n: self.unrouted_since.get(n, self.now) for n in self.adapters.keys() - used}
        self.last_used = dict.fromkeys(self.adapters, self.now) | self.last_used
        return plan(wanted, self.observed, self.known, now=self.now, drain=DRAINING, limits=self.limits)

    def apply(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Flip(table):
                self.table = table
            case ProveBase():
                self.base_proven = True
            case Place(target):
                self.directories[target.served] = directory(target.served)
            case Load(target, where):
                assert target.served not in self.adapters, "an engine refuses to load a name twice"
                self.adapters[target.served] = where
            case Prove(target):
                assert target.served in self.adapters, "only what is loaded can be proven"
                self.proven.add(target.served)
                self.ever_ready.add(target.served)
            case Unload(name, _):
                self.adapters.pop(name, None)
                self.proven.discard(name)
        self.most_loaded = max(self.most_loaded, len(self.adapters))

    def settle(self, wanted: Desired, *, rounds: int = 60) -> Plan:
        """Follow plans until one has no steps; returns that one."""
        for _ in range(rounds):
            made = self.plan(wanted)
            if not made.steps:
                return made
            for step in made.steps:
                self.apply(step)
        raise AssertionError(f"still planning after {rounds} rounds: {made.steps}")
