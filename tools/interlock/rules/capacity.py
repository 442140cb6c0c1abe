"""Joint capacity: everything that an environment's pointers name fits into its engine at the same time."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.pointer import Pointer
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "capacity"


def cpu_loras_below_loras(facts: Facts) -> Iterator[Finding]:
    """The engine would not start: fewer places for loaded adapters than for adapters in one batch."""
    for env in facts.environments:
        engine = env.document.engine
        if engine.cpu_slots < engine.max_loras:
            yield Finding(
                "cpu-loras-below-loras",
                env.place("engine", "max_cpu_loras"),
                f"max_cpu_loras is {engine.max_cpu_loras}, max_loras is {engine.max_loras}",
                "max_cpu_loras at least as large as max_loras",
                f"set max_cpu_loras to {engine.max_loras} or more, here and where the engine is started",
                environment=env.document.name,
            )


def over_max_loras(facts: Facts) -> Iterator[Finding]:
    """More revisions take requests at once than one batch of the engine can hold."""
    for env in facts.environments:
        taking = sorted(_taking_requests(facts, env.document.name))
        if len(taking) > env.document.engine.max_loras:
            yield _over(
                env, "over-max-loras", "max_loras", len(taking), listed(taking, limit=6), env.document.engine.max_loras
            )


def over_max_cpu_loras(facts: Facts) -> Iterator[Finding]:
    """More revisions may have to be loaded than the engine has places for; it would evict some, and may die."""
    for env in facts.environments:
        if _at_most(facts, env.document) <= env.document.engine.cpu_slots:
            continue
        held = _held_at_once(facts, env.document)
        total = sum(held.values())
        if total > env.document.engine.cpu_slots:
            parts = ", ".join(f"{adapter} {count}" for adapter, count in held.items())
            # Without max_cpu_loras the engine has as many places as max_loras says.
            flag = "max_cpu_loras" if env.document.engine.max_cpu_loras else "max_loras"
            yield _over(env, "over-max-cpu-loras", flag, total, parts, env.document.engine.cpu_slots)


def _taking_requests(facts: Facts, environment: str) -> set[RevisionId]:
    """Active, canary and shadow revisions of the environment's pinned pointers."""
    return {
        RevisionId(adapter, revision)
        for (name, adapter), pointer in facts.all_pointers.items()
        if name == environment and pointer.document.residency == "pinned"
        for revision in pointer.document.taking_requests
    }


def _at_most(facts: Facts, env: Environment) -> int:
    """More than may ever have to be held: every pointer with as many earlier revisions as are kept at most."""
    named = (len(set(p.document.revisions)) for (name, _), p in facts.all_pointers.items() if name == env.name)
    return sum(count + env.keep_previous for count in named)


def _held_at_once(facts: Facts, env: Environment) -> dict[str, int]:
    """How many revisions the engine must be able to hold at the same time, by adapter.

    Lazy ones take turns: all of them together need one place.
    """
    own = {adapter: pointer.document for (name, adapter), pointer in facts.all_pointers.items() if name == env.name}
    pinned = {adapter: pointer for adapter, pointer in sorted(own.items()) if pointer.residency == "pinned"}
    held = {adapter: _held(facts, env, adapter, pointer) for adapter, pointer in pinned.items()}
    return held | ({"lazy ones together": 1} if len(pinned) < len(own) else {})


def _held(facts: Facts, env: Environment, adapter: str, pointer: Pointer) -> int:
    """How many revisions of one adapter the environment may have to hold loaded.

    Those that the pointer names, and the earlier active ones that are kept for a rollback: as many as `keep_previous`
    says, but no more than there are other revisions that may still be served.
    """
    named = {RevisionId(adapter, revision) for revision in pointer.revisions}
    others = facts.known_of(adapter) - named - facts.revoked.keys()
    return len(named) + min(env.keep_previous, len(others))


def places_taken(facts: Facts, env: Environment) -> tuple[int, int]:
    """How many revisions take requests at once in an environment, and how many may have to be loaded: for reports."""
    held = sum(_held_at_once(facts, env).values())
    return len(_taking_requests(facts, env.name)), held


def _over(env: Located[Environment], rule: str, flag: str, count: int, parts: str, limit: int) -> Finding:
    meaning = "take requests" if rule == "over-max-loras" else "may have to be loaded"
    return Finding(
        rule,
        env.place("engine", flag),
        f"{count} adapter revisions {meaning} at once in {env.document.name} ({parts})",
        f"at most {limit} ({flag} of its engine)",
        f"start the engine with a larger {flag} and write it here, or serve fewer revisions",
        environment=env.document.name,
    )


RULES = (
    Rule(
        "cpu-loras-below-loras",
        "max_cpu_loras is smaller than max_loras",
        "The engine refuses to start with such limits.",
        "Raise max_cpu_loras, or lower max_loras.",
        FAMILY,
        cpu_loras_below_loras,
    ),
    Rule(
        "over-max-loras",
        "More revisions take requests than max_loras allows",
        "Requests of the surplus adapters wait for each other, batch by batch, and latency climbs.",
        "Raise max_loras, make rarely used adapters lazy, or serve fewer revisions.",
        FAMILY,
        over_max_loras,
    ),
    Rule(
        "over-max-cpu-loras",
        "More revisions may have to be loaded than the engine has places for",
        "The engine evicts the surplus and reads it from disk again later; a rollback then has to load, and an engine"
        " whose evicted directory is gone dies with everything it serves.",
        "Raise max_cpu_loras, keep fewer previous revisions, make rarely used adapters lazy, or serve fewer revisions.",
        FAMILY,
        over_max_cpu_loras,
    ),
)
