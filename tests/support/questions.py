"""A question that the quorum answers with a pass, and changes of it that must make a difference.

    judge(question()).status == "pass"
    judge(question(approvals=(review("bob"), review("carol", commit=OLD)))).status == "fail"

Erin wrote the change; alice trained the revision on trainer-ci, eval-ci signed the evidence, frank merged. Bob
(validator) and carol (operator) approve it; dave could as either. Everything is kept apart.
"""

from __future__ import annotations

from typing import Any

from interlock.approvals.contributors import Contributor, Identified, Part, identify
from interlock.approvals.people import People
from interlock.approvals.quorum import Approval, Needs, Question
from interlock.documents.public_keys import key_fingerprint
from support.rosters import account_of, key_of, machine, person, roster

TREE, OTHER_TREE = "7" * 40, "8" * 40
HEAD, OLD, BASE, OTHER_BASE = "a" * 40, "b" * 40, "c" * 40, "d" * 40
EVERYTHING = frozenset({"trainer", "evaluator", "author", "approver", "activator"})
POLICY = "policies/production.yaml"

ENTRIES = (
    person("alice", "trainer"),
    person("bob", "validator"),
    person("carol", "operator"),
    person("dave", "validator", "operator"),
    person("erin"),
    person("frank"),
    machine("trainer-ci", "builder"),
    machine("eval-ci", "evaluator"),
    machine("merge-bot", id=77, emails=["merge-bot@example.com"]),
    machine("web-flow", "forge", id=78, emails=["noreply@forge.example.com"]),
)
TEAM = People.of(roster(*ENTRIES))
NEEDS = Needs(2, {"operator": 1, "validator": 1}, EVERYTHING, frozenset({"operator", "validator"}), paths=(POLICY,))


def team(*entries: dict[str, Any], without: tuple[str, ...] = ()) -> People:
    """The team with these entries in the place of those of the same name, or beside them."""
    names = {entry.get("login") or entry.get("name") for entry in entries} | set(without)
    kept = [entry for entry in ENTRIES if (entry.get("login") or entry.get("name")) not in names]
    return People.of(roster(*kept, *entries))


def review(who: str | int, order: int = 0, **fields: Any) -> Approval:
    """A review of the head by somebody's account."""
    account = who if isinstance(who, int) else account_of(who)
    return Approval(account=account, order=order, **{"commit": HEAD, "target_ref": "main"} | fields)


def statement(login: str, order: int = 0, **fields: Any) -> Approval:
    """A signed yes to exactly this step."""
    about = {"tree": TREE, "from_commit": BASE, "target_ref": "refs/heads/main", "environment": "production"}
    return Approval(login=login, source="statement", order=order, **about | {"adapter": "support-bot"} | fields)


def hands(*contributors: Contributor, people: People = TEAM) -> Identified:
    """Who had a hand in the change."""
    return identify(contributors, people)


def hand(who: str, how: Part = "author", commit: str = HEAD, email: str | None = None) -> Contributor:
    """A name in a commit."""
    return Contributor(who, f"{who}@example.com" if email is None else email, how, commit)


def signer(who: str, commit: str = HEAD) -> Contributor:
    """The key by which a commit is signed."""
    return Contributor("", "", "signer", commit, key=key_fingerprint(key_of(who)))


def question(**changes: Any) -> Question:
    """The question, with some of its fields otherwise."""
    known: dict[str, Any] = {
        "people": TEAM,
        "needs": NEEDS,
        "tree": TREE,
        "target_ref": "refs/heads/main",
        "contributors": hands(hand("erin"), hand("erin", "committer"), signer("erin")),
        "approvals": (review("bob", 1), review("carol", 2)),
        "environment": "production",
        "adapter": "support-bot",
        "head_commit": HEAD,
        "head_tree": TREE,
        "base_commit": BASE,
        "trainers": Identified(people=frozenset({"alice"}), machines=frozenset({"trainer-ci"})),
        "evaluators": Identified(machines=frozenset({"eval-ci"})),
        "activator": Identified(people=frozenset({"frank"})),
        "merged": True,
    }
    return Question(**known | changes)
