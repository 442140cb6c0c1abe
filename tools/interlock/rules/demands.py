"""What a policy asks for can be given, by somebody, and is something.

A policy that nobody can satisfy stops every repair; one that asks for nothing lets everything through. Approvals
themselves are judged elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from interlock.documents.kinds.policy import Gate, Policy
from interlock.documents.kinds.roster import Person
from interlock.documents.positions import Location
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "policies"
ROSTER = "policies/roster.yaml"


def unsatisfiable_approvals(facts: Facts) -> Iterator[Finding]:
    """A policy asks for more people, or for more in a role, than the roster has."""
    people, holders = _people(facts), _holders(facts)
    waiting = not people and facts.written(ROSTER)  # a roster that nobody has filled in yet
    for policy in _policies(facts) if not waiting else ():
        for where, what, wanted, there in _demands(policy.document, len(people), holders):
            if wanted > there:
                yield Finding(
                    "unsatisfiable-approvals",
                    policy.place(*where),
                    f"{policy.path} asks for {wanted} {what}, and the roster has {there}",
                    f"at most as many as there are people in {ROSTER}",
                    f"add people to {ROSTER}, or ask for fewer: until then nothing could ever be approved",
                )


def _demands(policy: Policy, people: int, holders: Counter[str]) -> Iterator[tuple[Location, str, int, int]]:
    """Where a policy asks for people, of which sort, how many, and how many there are."""
    if policy.approvals:
        yield ("approvals", "count"), "approvals of different people", policy.approvals.count, people
        for role, wanted in policy.approvals.roles.items():
            yield ("approvals", "roles", role), f"in the role {role}", wanted, holders[role]
    if policy.rollback:
        yield ("rollback", "approvals"), "approvals of a rollback", policy.rollback.approvals, people


def _holders(facts: Facts) -> Counter[str]:
    """How many people hold each role."""
    return Counter(role for person in _people(facts) for role in set(person.roles))


def _people(facts: Facts) -> tuple[Person, ...]:
    return facts.snapshot.roster.document.people if facts.snapshot.roster else ()


def _policies(facts: Facts) -> Iterator[Located[Policy]]:
    """The policies in scope."""
    return (
        policy
        for policy in facts.snapshot.policies.values()
        if facts.environment is None or facts.environment in policy.document.environments
    )


def unheld_emergency_role(facts: Facts) -> Iterator[Finding]:
    """Nobody holds the role that may act in an emergency."""
    holders = _holders(facts)
    for policy in _policies(facts):
        roles = policy.document.emergency.roles if policy.document.emergency else ()
        if roles and _people(facts) and not any(role in holders for role in roles):
            yield Finding(
                "unheld-emergency-role",
                policy.place("emergency", "roles"),
                f"nobody in {ROSTER} holds {listed(roles)}, who may act in an emergency by {policy.path}",
                "at least one person with one of these roles",
                f"give the role to somebody in {ROSTER}, or name a role that somebody holds",
            )


def approvals_not_asked(facts: Facts) -> Iterator[Finding]:
    """A policy for a protected environment asks for no approval: everybody has approved everything."""
    for policy in _policies(facts):
        approvals = policy.document.approvals
        protected = [name for name in policy.document.environments if _is_protected(facts, name)]
        if protected and approvals and approvals.count == 0 and not any(approvals.roles.values()):
            yield Finding(
                "approvals-not-asked",
                policy.place("approvals", "count"),
                f"{policy.path} asks for no approval, and {listed(protected)} is protected",
                "at least one approval for a protected environment",
                f"set approvals.count to 1 or more in {policy.path}, or leave `approvals` to another policy",
            )


def _is_protected(facts: Facts, name: str) -> bool:
    env = facts.snapshot.environments.get(name)
    return env is not None and env.document.protected


def unprotected_by_policy(facts: Facts) -> Iterator[Finding]:
    """An environment calls itself protected, and no policy says by what."""
    asking = {
        name
        for policy in facts.snapshot.policies.values()
        if policy.document.approvals
        for name in policy.document.environments
    }
    unread = any(problem.place.path.startswith("policies/") for problem in facts.snapshot.problems)
    for env in facts.environments:
        if env.document.protected and env.document.name not in asking and not unread:
            yield Finding(
                "unprotected-by-policy",
                env.place("protected"),
                f"{env.document.name} is protected, and no policy asks for approvals there",
                f"a policy in policies/ that names {env.document.name} and has `approvals`",
                f"add {env.document.name} to `environments` of a policy with approvals",
                severity=Severity.WARNING,
                environment=env.document.name,
            )


def policy_without_environment(facts: Facts) -> Iterator[Finding]:
    """A policy names an environment that is not there: it binds nobody, or not whom it was meant for."""
    known = listed(sorted(facts.snapshot.environments), limit=8) or "none"
    for policy in _policies(facts):
        for index, name in enumerate(policy.document.environments):
            if not facts.written(f"environments/{name}/environment.yaml"):
                yield Finding(
                    "policy-without-environment",
                    policy.place("environments", index),
                    f"{policy.path} is for {name}, and there is no such environment",
                    f"one of the environments that are there: {known}",
                    f"spell it as one of those, or remove it from {policy.path}",
                )


def incomplete_gate(facts: Facts) -> Iterator[Finding]:
    """A statistical test without the number that it tests against."""
    for policy in _policies(facts):
        for index, gate in enumerate(policy.document.gates):
            absent = _absent(gate)
            if absent:
                yield Finding(
                    "incomplete-gate",
                    policy.place("gates", index),
                    f"the gate {gate.suite} in {policy.path} is a {gate.test} test without {' and '.join(absent)}",
                    "margin and against for paired-non-inferiority, max_rate for zero-failure",
                    f"write {', '.join(absent)} into the gate: without a number there is nothing to test",
                )


def _absent(gate: Gate) -> list[str]:
    if gate.test == "zero-failure":
        return ["max_rate"] if gate.max_rate is None else []
    return [field for field in ("margin", "against") if getattr(gate, field) in (None, ())]


RULES = (
    Rule(
        "unsatisfiable-approvals",
        "A policy asks for more people than there are",
        "Nothing could ever be approved, also not the repair of what is broken.",
        "Add people to the roster, or ask for fewer.",
        FAMILY,
        unsatisfiable_approvals,
    ),
    Rule(
        "unheld-emergency-role",
        "Nobody may act in an emergency",
        "The way out of an incident is found to be locked during the incident.",
        "Give the role to a person of the roster.",
        FAMILY,
        unheld_emergency_role,
    ),
    Rule(
        "approvals-not-asked",
        "A policy for a protected environment asks for no approval",
        "Zero approvals are always there: the environment looks guarded and is open.",
        "Ask for at least one.",
        FAMILY,
        approvals_not_asked,
    ),
    Rule(
        "unprotected-by-policy",
        "No policy guards a protected environment",
        "`protected` alone asks nobody for anything.",
        "Name the environment in a policy that asks for approvals.",
        FAMILY,
        unprotected_by_policy,
    ),
    Rule(
        "policy-without-environment",
        "A policy is for an environment that is not there",
        "A misspelt name binds nobody, and the environment that was meant goes without the policy.",
        "Spell the name as its folder below environments/.",
        FAMILY,
        policy_without_environment,
    ),
    Rule(
        "incomplete-gate",
        "A gate without a number to test against",
        "A gate that cannot fail is a decoration, and one that cannot be evaluated stops every promotion.",
        "Write margin and against, or max_rate.",
        FAMILY,
        incomplete_gate,
    ),
)
