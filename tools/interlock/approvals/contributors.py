"""Who had a hand in a change, as the roster knows them. Pure; called by whatever gathers the facts about approvals.

A name that nobody in the roster has is kept as unknown and never dropped: it could be the approver's second account.
What a commit says about its author is written by whoever made it, so it can only add somebody. That nobody else made a
commit is known from a signature on it, or from a forge that names everybody who pushed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from interlock.approvals.people import Member, People
from interlock.documents.kinds.roster import Machine

Part = Literal["author", "committer", "co-author", "suggester", "signer", "pusher", "seen-pusher", "proposer", "merger"]
PROVING: frozenset[Part] = frozenset({"signer", "pusher"})
"""Parts that are known by a key or an account, and not only by what somebody wrote."""
FORGE = "forge"
"""The role of a machine that commits in the name of whoever is logged in; it is nobody's hand."""


@dataclass(frozen=True, slots=True)
class Contributor:
    """One hand in one commit; `commit` is "" where it is about the whole proposal.

    `account` is the number at the forge, `key` the fingerprint of the key that signed.
    """

    name: str
    email: str
    how: Part
    commit: str = ""
    account: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """Who had a hand in something. `unproven` are the commits of which nobody proved who made them."""

    people: frozenset[str] = frozenset()
    unknown: tuple[Contributor, ...] = ()
    machines: frozenset[str] = frozenset()
    unproven: tuple[str, ...] = ()

    @property
    def everybody(self) -> frozenset[str]:
        """People and machines."""
        return self.people | self.machines

    def with_others(self, other: Identified) -> Identified:
        """These and those."""
        return Identified(
            self.people | other.people,
            tuple(dict.fromkeys([*self.unknown, *other.unknown])),
            self.machines | other.machines,
            tuple(dict.fromkeys([*self.unproven, *other.unproven])),
        )


def identify(contributors: Iterable[Contributor], people: People, forge: str = "") -> Identified:
    """Find the contributors in the roster. `forge` is where their accounts are, if they have any."""
    found: set[str] = set()
    machines: set[str] = set()
    unknown: dict[Contributor, None] = {}
    commits: dict[str, None] = {}
    proven: set[str] = set()
    named: set[str] = set()
    for contributor in contributors:
        member = _member(contributor, people, forge)
        commits[contributor.commit] = None
        if member is None:
            unknown[contributor] = None
            continue
        if contributor.how in PROVING:
            proven.add(contributor.commit)
        if isinstance(member, Machine) and FORGE in member.roles:
            continue
        named.add(contributor.commit)
        if isinstance(member, Machine):
            machines.add(member.name)
        else:
            found.add(member.login)
    certain = named & (commits.keys() if "" in proven else proven)
    unproven = tuple(commit for commit in commits if commit and commit not in certain)
    return Identified(frozenset(found), tuple(unknown), frozenset(machines), unproven)


def _member(contributor: Contributor, people: People, forge: str) -> Member | None:
    """The strongest mark decides: the key, then the account, then the e-mail."""
    if contributor.key is not None:
        return people.by_key(contributor.key)
    if contributor.account is not None:
        return people.by_account(contributor.account, forge)
    return people.by_email(contributor.email)


def shown(contributor: Contributor) -> str:
    """A contributor in words: `Mallory <m@example.org>, co-author of commit 1a2b3c4d5e6f`."""
    account = f"account {contributor.account}" if contributor.account is not None else ""
    key = f"the key {contributor.key}" if contributor.key else ""
    written = f"{contributor.name} <{contributor.email}>" if contributor.email else contributor.name
    who = ", ".join(part for part in (written, account, key) if part) or "somebody without a name"
    where = f"commit {contributor.commit[:12]}" if contributor.commit else "the proposal"
    return f"{who}, {contributor.how} of {where}"
