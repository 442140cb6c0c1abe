"""Which decisions a change makes that people must have approved, and how many of whom. Pure.

Called by the transition rules about approvals and by whoever tells what a change still needs. Each file of a protected
environment is a decision; so is everything that decides about later changes: policies, roster, waivers, rules,
revocations, keys, owners of files, the workflows that check and attest, and a lower risk tier. Policies are those of
the trusted side; protected is what one of the two sides protects, or describes in a way that nobody can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.approvals.question import TIERS, Needs, Tier
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.roster import Roster
from interlock.documents.layout import environment_path, pointer_path
from interlock.documents.positions import Place
from interlock.documents.snapshot import Snapshot
from interlock.rules.change import Change, PointerStep, adapter_of, brings_in
from interlock.rules.effective_policy import effective_policy, policies_of

_GUARDS = re.compile(
    r"policies/.*|(\.github/|\.gitea/|\.forgejo/|\.gitlab/|docs/)?CODEOWNERS"
    r"|\.(github|gitea|forgejo)/(workflows|actions)/.*|\.gitlab-ci\.yml|\.gitlab/ci/.*|\.ci/.*"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that people decide: where it stands, for which environment and adapter, and what it needs.

    `environment` is None where it is about all of them. `brings_in` are the revisions that take requests by it.
    """

    place: Place
    what: str
    needs: Needs
    environment: str | None = None
    adapter: str | None = None
    brings_in: tuple[RevisionId, ...] = ()
    rollback: bool = False

    @property
    def changes_policy(self) -> bool:
        """Whether it changes what decides about later changes."""
        return self.environment is None


def decisions(change: Change) -> tuple[Decision, ...]:
    """Everything in a change that people must have approved; nothing where no protected environment is concerned."""
    found = [*_pointers(change), *_environments(change), *_guards(change), *_tiers(change)]
    return tuple(decision for decision in found if decision.needs.asked or _protected_before(change, decision))


def _protected_before(change: Change, decision: Decision) -> bool:
    """Whether the trusted side protects what is decided about. Only where it does not, silent policies ask nothing."""
    names = {decision.environment} if decision.environment else _names(change)
    return any(_protects(change.base, name) for name in names)


def protected(change: Change) -> tuple[str, ...]:
    """The environments that one of the two sides protects."""
    sides = (change.base, change.head.snapshot)
    return tuple(name for name in sorted(_names(change)) if any(_protects(side, name) for side in sides))


def _names(change: Change) -> set[str]:
    """Every environment of the two sides, also one whose document cannot be read and is touched."""
    touched = {parts[1] for path in change.touched if len(parts := path.split("/")) > 2 and parts[0] == "environments"}
    return {*change.base.environments, *change.head.snapshot.environments, *touched}


def _protects(snapshot: Snapshot, name: str) -> bool:
    located = snapshot.environments.get(name)
    return located.document.protected if located else environment_path(name) in snapshot.entries


def why_unread(change: Change) -> str:
    """Why it is not known what the trusted side asks for ("": it is known)."""
    for problem in change.base.problems:
        path = problem.place.path
        if path.startswith("policies/") or (path.startswith("environments/") and path.endswith("/environment.yaml")):
            return f"{path} of the trusted side cannot be read, so nobody knows what it asks for"
    return ""


def strictest(change: Change) -> Needs:
    """What the trusted policies of all protected environments ask for together, as much as for any risk tier."""
    policies = {policy.path: policy for name in protected(change) for policy in policies_of(change.base, name)}
    return Needs.of(effective_policy([policies[path] for path in sorted(policies)]), None)


def _pointers(change: Change) -> Iterator[Decision]:
    guarded = protected(change)
    for step in change.steps:
        if step.environment in guarded:
            rollback = change.is_rollback(step)
            adapter = adapter_of(change, step)
            tier: Tier = adapter.document.risk.tier if adapter else "high"
            needs = Needs.of(change.policy(step.environment), tier, rollback=rollback)
            revisions = tuple(RevisionId(step.adapter, name) for name in sorted(brings_in(step)))
            yield Decision(
                _place(step), _what(step, rollback), needs, step.environment, step.adapter, revisions, rollback
            )


def _place(step: PointerStep) -> Place:
    return step.place("active") if step.after else Place(step.path)


def _what(step: PointerStep, rollback: bool) -> str:
    if step.after is None:
        return f"taking {step.adapter} out of {step.environment}"
    to = f"{step.adapter}@{step.activates}" if step.activates else step.adapter
    return f"{'rolling back to' if rollback else 'the change of'} {to} in {step.environment}"


def _environments(change: Change) -> Iterator[Decision]:
    """Every other file of a protected environment; one decision for each of them."""
    guarded = protected(change)
    pointers = {step.path for step in change.steps}
    for path in change.touched:
        parts = path.split("/")
        if len(parts) > 2 and parts[0] == "environments" and parts[1] in guarded and path not in pointers:
            needs = Needs.of(change.policy(parts[1]), None)
            yield Decision(Place(path), f"the change of {path}", needs, parts[1])


def is_guard(path: str) -> bool:
    """Whether a file decides about later changes, or is how they are checked and attested."""
    return bool(_GUARDS.fullmatch(path))


def _guards(change: Change) -> Iterator[Decision]:
    touched = [path for path in change.touched if is_guard(path)]
    if touched and protected(change):
        more = f" and {len(touched) - 1} more" if touched[1:] else ""
        yield Decision(Place(touched[0]), f"the change of {touched[0]}{more}", strictest(change))


def _tiers(change: Change) -> Iterator[Decision]:
    """An adapter that a protected environment serves and that is called less risky, or not described, from now on."""
    guarded = protected(change)
    for name, before in change.base.adapters.items():
        if before.path not in change.touched:
            continue
        after = change.head.snapshot.adapters.get(name)
        lower = after is None or TIERS.index(after.document.risk.tier) < TIERS.index(before.document.risk.tier)
        if lower and any(pointer_path(environment, name) in change.base.entries for environment in guarded):
            yield Decision(Place(before.path), f"the lower risk tier of {name}", strictest(change), adapter=name)


def gains(change: Change) -> frozenset[str]:
    """The people to whom a change of the roster gives a role that they did not have."""
    before, after = _roles(change.base), _roles(change.head.snapshot)
    return frozenset(login for login, roles in after.items() if roles - before.get(login, frozenset()))


def _roles(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    roster: Roster | None = snapshot.roster.document if snapshot.roster else None
    return {person.login: frozenset(person.roles) for person in roster.people} if roster else {}
