"""The audit: replays a branch from its beginning, and says of each commit whether it was allowed, and who did it.

Called by `interlock audit`. Needs no network and no working directory: a bare clone is enough. Nothing is trusted that
a document says about who did something; where a part cannot be judged, it says so and never "allowed".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from interlock.approvals.keys import KeyRing
from interlock.approvals.people import Member, name_of
from interlock.checking.audit.approvals import ApprovalJudge, Judged
from interlock.checking.audit.break_glass import BreakGlass
from interlock.checking.audit.commit_records import MadeBy, by_commit, commit_records
from interlock.checking.audit.historic_documents import HistoricDocuments
from interlock.checking.audit.outcome import Actor, Audit, AuditedCommit, Moment, ServedSince
from interlock.checking.audit.replay import Replay, Replayed
from interlock.checking.audit.signers import KeysToday, Signers, with_keys_of_today
from interlock.checking.audit.surroundings import Branch
from interlock.checking.audit.works import Works, environments_of, kind_of, served_by, told
from interlock.checking.key_rings import KEY_BLOCKS, ROSTER
from interlock.checking.signed_range import ROSTER_ROLES
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.roster import Roster
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located, Snapshot
from interlock.findings.finding import Finding
from interlock.history.blob_reading import ObjectReader
from interlock.history.first_parent_log import first_parent_log
from interlock.history.git_command import Git
from interlock.history.pointer_history import refuse_cut_history
from interlock.history.statement_index import statement_index
from interlock.rules.approval_decisions import decisions

NO_KEYS = "who made the commit is not known: the roster before it names nobody's key"
UNREADABLE_ROSTER = "who made the commit is not known: the roster before it cannot be read"


def audit(git: Git, head: str, *, now: dt.datetime, target_ref: str = "refs/heads/main") -> Audit:
    """Replay the branch up to `head` (a full id), by what is known at `now` (with a timezone).

    Raises:
        HistoryError: the history is cut off, or cannot be read to its beginning.
    """
    refuse_cut_history(git)
    objects = ObjectReader(git)
    try:
        return _Auditor(git, head, now, HistoricDocuments(git, objects), target_ref).audit()
    finally:
        objects.close()


@dataclass
class _Auditor:
    git: Git
    head: str
    now: dt.datetime
    documents: HistoricDocuments
    target_ref: str
    keys: KeysToday = field(default_factory=KeysToday)
    roster: Roster | None = None

    def audit(self) -> Audit:
        self._learn_keys()
        records = by_commit(commit_records(self.git, self.head))
        signers, works = Signers(self.git, self.keys), Works(self.documents, self.git)
        branch, index = Branch(self.git, records), statement_index(self.git)
        glass = BreakGlass(index.emergencies, self._ring_of_today())
        approvals = ApprovalJudge(self.documents, index, self.keys, branch, works, glass, self.target_ref, self.now)
        replay = Replay(self.documents, approvals.attested_time)
        commits = []
        since: dict[tuple[str, str], tuple[str, Moment]] = {}
        for replayed in replay.run(first_parent_log(self.git, self.head), records):
            commits.append(self._audited(replayed, signers, works, approvals))
            for served in commits[-1].served:
                since[served.environment, served.adapter] = (replayed.record.commit, replayed.when)
            replay.advance(replayed)
        audited = tuple(with_keys_of_today(commits, self.keys, self.now.date()))
        side = replay.state.before(self.head)
        return Audit(self.head, audited, _served(side.snapshot, since), approvals.notes(), self.now.date())

    def _learn_keys(self) -> None:
        """What every version of the roster says of keys: one that is revoked today was not when it was used."""
        for commit in first_parent_log(self.git, self.head, ROSTER):
            for change in commit.changes:
                reading = self.documents.reading(change.after) if change.after else None
                found = reading.document if reading else None
                self.roster = found if isinstance(found, Roster) else None
                if self.roster:
                    self.keys.learn(self.roster)

    def _ring_of_today(self) -> KeyRing:
        return KeyRing.of(self.roster, self.now.date())

    def _audited(self, replayed: Replayed, signers: Signers, works: Works, approvals: ApprovalJudge) -> AuditedCommit:
        record, change = replayed.record, replayed.change
        parent = record.parents[0] if record.parents else None
        ring = signers.ring(replayed.before.snapshot.roster, replayed.when.time.date())
        actor = signers.actor(record.made, ring, parent)
        works.learn(replayed, actor)
        promoted = tuple(works.promoted(replayed))
        stands, unknown = _who_stands_behind(replayed, actor) if parent else ([], [])
        judged = approvals.judged(replayed, actor, ring) if parent else Judged()
        unknown = [*unknown, *([replayed.unread] if replayed.unread else []), *judged.unknown]
        return AuditedCommit(
            record.commit,
            record.tree,
            replayed.when,
            kind_of(change),
            actor,
            tuple(served_by(change)),
            environments_of(change),
            promoted,
            (*replayed.findings, *stands, *judged.findings),
            tuple(unknown),
            judged.approvals,
            judged.emergencies,
            tuple(_hands(record.made)),
            tuple(hand for made in record.brought_in for hand in _hands(made)),
            is_first=parent is None,
        )


def _who_stands_behind(replayed: Replayed, actor: Actor) -> tuple[list[Finding], list[str]]:
    """What is wrong with who made a commit that decides about something protected, and what is not known of it."""
    change, roster = replayed.change, replayed.before.snapshot.roster
    decided = decisions(change)
    if not decided:
        return [], []
    if roster is None or not _names_keys(roster):
        return [], [UNREADABLE_ROSTER if roster is None and ROSTER in replayed.before.snapshot.entries else NO_KEYS]
    changes_roster = any(path == ROSTER or path.startswith(f"{KEY_BLOCKS}/") for path in change.touched)
    commit = replayed.record.commit
    place = decided[0].place.path
    return list(_about_signer(actor, commit, place, _roles(roster, actor), changes_roster=changes_roster)), []


def _names_keys(roster: Located[Roster]) -> bool:
    return any(member.keys for member in _members(roster))


def _members(roster: Located[Roster]) -> tuple[Member, ...]:
    return (*roster.document.people, *roster.document.machines)


def _about_signer(
    actor: Actor, commit: str, place: str, roles: frozenset[str], *, changes_roster: bool
) -> Iterator[Finding]:
    """What is wrong with who stands behind a commit that decides about something protected."""
    if not actor.name:
        yield Finding(
            "commit-unproven",
            Place(place),
            f"nobody proved who made {commit[:12]}: {actor.why_not}",
            "a commit signed with a key of the roster before it, or made by the machine of a forge that is in it",
            "find out who made it; sign commits (git config commit.gpgsign true)",
        )
    elif changes_roster and (actor.is_machine or not roles & ROSTER_ROLES):
        wanted = " or ".join(sorted(ROSTER_ROLES))
        yield Finding(
            "roster-changed-by-other",
            Place(ROSTER),
            f"{commit[:12]} changes who may sign, and {actor.name} is no person with the role {wanted} in the roster"
            " before it",
            f"a change of the roster that a person with the role {wanted} signed",
            "look at what it changed: interlock audit --since COMMIT",
        )


def _roles(roster: Located[Roster], actor: Actor) -> frozenset[str]:
    return frozenset(role for member in _members(roster) if name_of(member) == actor.name for role in member.roles)


def _hands(made: MadeBy) -> Iterator[str]:
    """Whom a commit names, as it says it."""
    if made.hands_unread:
        yield f"somebody: {made.hands_unread}"
    for hand in made.hands:
        yield f"{hand.name} <{hand.email}>, {hand.how} of {made.commit[:12]}"


def _served(snapshot: Snapshot, since: dict[tuple[str, str], tuple[str, Moment]]) -> dict[str, dict[str, ServedSince]]:
    found: dict[str, dict[str, ServedSince]] = {}
    for (environment, adapter), pointer in sorted(snapshot.pointers.items()):
        commit, moment = since[environment, adapter]
        named = {name: snapshot.revisions.get(RevisionId(adapter, name)) for name in pointer.document.revisions}
        digests = {name: str(one.document.artifact.digest) for name, one in named.items() if one}
        found.setdefault(environment, {})[adapter] = ServedSince(told(pointer), commit, moment, digests)
    return found
