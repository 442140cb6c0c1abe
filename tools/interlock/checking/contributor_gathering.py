"""Gathers who had a hand in a change and who trained a revision: commits, signatures, the forge, joined by the roster.

Called where approvals are judged: `interlock attest`, `interlock approve`, the node and the audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.from_forge import contributors_of
from interlock.approvals.people import People
from interlock.approvals.reviews import ProposalFacts
from interlock.documents.identifiers import RevisionId
from interlock.documents.layout import revision_path
from interlock.documents.snapshot import Snapshot
from interlock.history.contributors import Hand, contributors_between, contributors_of_paths
from interlock.history.git_command import Git


def gather_contributors(
    git: Git,
    base: str | None,
    head: str,
    people: People,
    *,
    proposals: Iterable[ProposalFacts] = (),
    signers: Mapping[str, str] | None = None,
    forge: str = "",
) -> Identified:
    """Everybody who had a hand in what `head` contains and `base` does not.

    `proposals` is what the forge says of the change, `signers` gives the fingerprint of the key by which a commit is
    signed, verified before.

    Raises:
        HistoryError: the commits cannot be read, so nobody knows who made them.
    """
    hands = contributors_between(git, base, head)
    found = [*from_commits(hands, signers or {})]
    for proposal in proposals:
        found += contributors_of(proposal)
    return identify(found, people, forge)


def gather_trainers(
    git: Git,
    commit: str,
    snapshot: Snapshot,
    revision: RevisionId,
    people: People,
    *,
    signers: Mapping[str, str] | None = None,
) -> Identified:
    """Who made a revision: whoever had a hand in its manifest or its recipe, and the builder whom the manifest names.

    Raises:
        HistoryError: the commits cannot be read.
    """
    located = snapshot.revisions.get(revision)
    provenance = located.document.provenance if located else None
    paths = [revision_path(revision.adapter, revision.revision)]
    paths += [provenance.recipe.path] if provenance and provenance.recipe else []
    hands = contributors_of_paths(git, commit, paths)
    made = identify(from_commits(hands, signers or {}), people)
    return made.with_others(_builder(provenance.builder, people)) if provenance else made


def _builder(name: str, people: People) -> Identified:
    """The builder as the roster knows it. A name in a file proves nothing, so it can only add somebody."""
    member = people.by_login(name)
    if member is None:
        return Identified()
    login = getattr(member, "login", None)
    return Identified(people=frozenset({login})) if login else Identified(machines=frozenset({name}))


def from_commits(hands: Iterable[Hand], signers: Mapping[str, str]) -> Iterator[Contributor]:
    """The hands of commits as contributors; `signers` gives the fingerprint of the key by which a commit is signed."""
    signed: set[str] = set()
    for hand in hands:
        yield Contributor(hand.name, hand.email, hand.how, hand.commit)
        if hand.commit in signers and hand.commit not in signed:
            signed.add(hand.commit)
            yield Contributor("", "", "signer", hand.commit, key=signers[hand.commit])
