"""Pointers: each names revisions that can be told apart, and a trial that somebody takes part in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from interlock.findings.finding import Finding, Severity
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "pointers"


def trial_of_active(facts: Facts) -> Iterator[Finding]:
    """The canary or the shadow is the active revision: it is compared with itself and looks healthy."""
    for (environment, adapter), located in facts.pointers.items():
        pointer = located.document
        for role, trial in (("canary", pointer.canary), ("shadow", pointer.shadow)):
            if trial and trial.revision == pointer.active:
                yield Finding(
                    "trial-of-active",
                    located.place(role, "revision"),
                    f"the {role} of {adapter} in {environment} is {trial.revision}, which is active there",
                    "another revision than the active one",
                    f"remove `{role}` from {located.path}, or name the revision that is to be tried",
                    environment=environment,
                )


def idle_canary(facts: Facts) -> Iterator[Finding]:
    """A canary without weight and without tenants: nobody ever meets it."""
    for (environment, adapter), located in facts.pointers.items():
        canary = located.document.canary
        if canary and canary.weight == 0 and not canary.tenants:
            yield Finding(
                "idle-canary",
                located.place("canary"),
                f"the canary of {adapter} in {environment} has neither weight nor tenants: nobody meets it",
                "a weight above 0, or tenants by name",
                f"set canary.weight or canary.tenants in {located.path}, or remove the canary",
                severity=Severity.WARNING,
                environment=environment,
            )


def canary_steps_not_rising(facts: Facts) -> Iterator[Finding]:
    """The declared steps go down or stand still: nobody can say which one is next."""
    for (environment, adapter), located in facts.pointers.items():
        steps = located.document.canary.steps if located.document.canary else ()
        rising = all(before < after for before, after in zip((0.0, *steps), steps, strict=False))
        if not rising:
            yield Finding(
                "canary-steps-not-rising",
                located.place("canary", "steps"),
                f"the canary of {adapter} in {environment} has the steps {listed([f'{s:g}' for s in steps], limit=8)}",
                "steps above 0, each larger than the one before",
                f"put canary.steps in {located.path} in order, for example [5, 25, 50, 100]",
                environment=environment,
            )


def repeated_in_pointer(facts: Facts) -> Iterator[Finding]:
    """`keep` or `tenants` names what is named already: the list is shorter than it looks."""
    for (environment, adapter), located in facts.pointers.items():
        pointer = located.document
        named = [pointer.active, *(trial.revision for trial in (pointer.canary, pointer.shadow) if trial)]
        lists: list[tuple[tuple[str, ...], list[str], tuple[str, ...]]] = [(("keep",), named, pointer.keep)]
        if pointer.canary:
            lists.append((("canary", "tenants"), [], pointer.canary.tenants))
        for where, before, items in lists:
            for index in _repeated(before, items):
                yield Finding(
                    "repeated-in-pointer",
                    located.place(*where, index),
                    f"{'.'.join(where)} of {adapter} in {environment} repeats {items[index]}",
                    "each revision and each tenant once; active, canary and shadow are kept anyway",
                    f"remove it from {located.path}, or write what was meant",
                    severity=Severity.WARNING,
                    environment=environment,
                )


def _repeated(before: Sequence[str], items: Sequence[str]) -> Iterator[int]:
    """The indexes of the items that were named earlier."""
    seen = set(before)
    for index, item in enumerate(items):
        if item in seen:
            yield index
        seen.add(item)


RULES = (
    Rule(
        "trial-of-active",
        "A canary or shadow is the active revision",
        "A revision that is compared with itself passes every comparison, and the one that was meant is never tried.",
        "Name the revision that is to be tried.",
        FAMILY,
        trial_of_active,
    ),
    Rule(
        "idle-canary",
        "A canary that nobody meets",
        "It takes a place in the engine and proves nothing; somebody may later believe that it was tried.",
        "Give it a weight or tenants, or remove it.",
        FAMILY,
        idle_canary,
    ),
    Rule(
        "canary-steps-not-rising",
        "The steps of a canary do not rise",
        "The next step limits how many people a bad revision can reach; without an order there is no next step.",
        "Write the steps from the smallest to the largest.",
        FAMILY,
        canary_steps_not_rising,
    ),
    Rule(
        "repeated-in-pointer",
        "A pointer names a revision or a tenant twice",
        "Whoever wrote it meant another one: a rollback target that is not kept, or a tenant that is left out.",
        "Remove the repetition, or write what was meant.",
        FAMILY,
        repeated_in_pointer,
    ),
)
