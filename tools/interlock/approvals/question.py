"""What the quorum is asked and what it answers: approvals, needs, and a sentence for everything that does not count.

Values only. Filled in by `checking`; judged by `approvals.quorum`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from interlock.approvals.contributors import Identified
from interlock.approvals.people import People

Status = Literal["pass", "fail", "unknown"]
Tier = Literal["low", "medium", "high"]
TIERS: tuple[Tier, ...] = ("low", "medium", "high")


class Asked(Protocol):
    """What the policies of an environment ask for together; `rules.effective_policy.EffectivePolicy` is one."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The policies."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every key that a policy states."""

    def value(self, key: str, default: Any = None) -> Any:
        """What counts for a key."""


@dataclass(frozen=True, slots=True)
class Needs:
    """How many people must approve, how many of them in which role, and which parts one person may not play together.

    `eligible` are the roles of which an approver holds one; anybody of the roster where it is empty. `asked` is False
    where no policy says anything about approvals, `quick` True for the fast path of a rollback, the only one that may
    need nobody. `paths` are the policies that ask.
    """

    count: int = 0
    roles: Mapping[str, int] = field(default_factory=dict)
    distinct: frozenset[str] = frozenset()
    eligible: frozenset[str] = frozenset()
    asked: bool = True
    paths: tuple[str, ...] = ()
    quick: bool = False

    @classmethod
    def of(cls, policy: Asked, tier: Tier | None, *, rollback: bool = False) -> Needs:
        """What an effective policy needs for a change of an adapter of a risk tier (None: as much as for any tier).

        A fast-path rollback needs `rollback.approvals` people, of any role that approves or acts in an emergency; where
        no policy speaks of rollbacks it needs what a promotion needs.
        """
        general = _promotion(policy, TIERS if tier is None else (tier,))
        quick = policy.value("rollback.approvals") if rollback else None
        if quick is None:
            return general
        emergency = frozenset(policy.value("emergency.roles", ()))
        eligible = general.eligible | emergency if general.eligible else frozenset()
        return cls(quick, {}, general.distinct - {"trainer", "evaluator"}, eligible, True, policy.paths, quick=True)


def _promotion(policy: Asked, tiers: tuple[Tier, ...]) -> Needs:
    prefixes = ("approvals.", *(f"approvals.{tier}." for tier in tiers))
    count = max(policy.value(f"{prefix}count", 0) for prefix in prefixes)
    roles: dict[str, int] = {}
    for key in policy.settings:
        before, _, role = key.rpartition("roles.")
        if before in prefixes:
            roles[role] = max(policy.value(key, 0), roles.get(role, 0))
    wanted = {role: number for role, number in sorted(roles.items()) if number}
    return Needs(
        count=max(count, sum(wanted.values())),
        roles=wanted,
        distinct=frozenset(policy.value("approvals.distinct", ())),
        eligible=frozenset(wanted),
        asked=any(key.startswith("approvals.") for key in policy.settings),
        paths=policy.paths,
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """One word of somebody about a change, as a forge or a signed statement has it.

    A review is known by its `account`, and a statement by the `login` of the person whose key signed it. What it was
    given for (`commit`, `tree`, `from_commit`, `target_ref`, `environment`, `adapter`) must be what is asked about;
    None says that it names nothing of the kind, and a question about no environment or adapter is about all of them.
    `roles` are those in which it was given, none: all that the roster gives. `is_human` is None where a forge does not
    say. `withdrawn` takes back what the same person said before, `objects` asks for changes. `order` rises with time
    within one source. `why_void` says why whoever gathered it found it worthless ("": it is not).
    """

    login: str | None = None
    account: int | None = None
    source: Literal["review", "statement"] = "review"
    commit: str | None = None
    tree: str | None = None
    roles: frozenset[str] = frozenset()
    is_human: bool | None = True
    withdrawn: bool = False
    order: int = 0
    objects: bool = False
    from_commit: str | None = None
    target_ref: str | None = None
    environment: str | None = None
    adapter: str | None = None
    why_void: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that decides whether a change has its approvals; people and needs come from the trusted side.

    `tree` is what the change leads to and `base_commit` what it comes from; `head_commit` is the last commit of the
    proposal and `head_tree` its tree ("" where there is no proposal). `trainers` and `evaluators` are None where the
    change brings no revision in. `activator` is who merged, None while nobody has. `gains` are the people to whom the
    change gives a role. `unread` says why the approvals are not all known ("": they are).
    """

    people: People
    needs: Needs
    tree: str
    target_ref: str
    contributors: Identified
    approvals: tuple[Approval, ...] = ()
    environment: str | None = None
    adapter: str | None = None
    head_commit: str = ""
    head_tree: str = ""
    base_commit: str = ""
    forge: str = ""
    trainers: Identified | None = None
    evaluators: Identified | None = None
    activator: Identified | None = None
    merged: bool = False
    changes_policy: bool = False
    gains: frozenset[str] = frozenset()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """One person whose approval counts; `role` is the one that it fills, "" where only people are counted."""

    login: str
    role: str


@dataclass(frozen=True, slots=True)
class NotCounted:
    """One approval that does not count, whose it is, and why, in one sentence."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether a change has its approvals. Everything is said in sentences.

    `missing` is what the needs still lack, `objections` are requests for changes that stand, `conflicts` people who
    play two parts that must be kept apart, and `unknown` is what would have to be known before it could pass.
    """

    status: Status
    counted: tuple[Counted, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    missing: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
