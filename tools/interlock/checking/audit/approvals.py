"""The approvals of each replayed commit: what was attested, and else what people signed, as the quorum counts it.

Called by the audit. What a forge knew is seen here only through the attestation that somebody made of it: an audit
needs no network. A statement signed with a key that is revoked today counts for nothing, whatever date it claims.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.facts import ApprovalFacts
from interlock.approvals.keys import KeyRing
from interlock.approvals.people import People, name_of
from interlock.approvals.statements import Attestation
from interlock.checking.approval_gathering import ATTESTER, Gathered, worth_of
from interlock.checking.audit.break_glass import BreakGlass, Used, about, sentence
from interlock.checking.audit.commit_records import CommitRecord, MadeBy
from interlock.checking.audit.historic_documents import HistoricDocuments
from interlock.checking.audit.outcome import Actor, ApprovalsSeen, EmergencyUse
from interlock.checking.audit.replay import Replayed
from interlock.checking.audit.signers import KeysToday
from interlock.checking.audit.state import State
from interlock.checking.audit.surroundings import Branch, InMemory
from interlock.checking.audit.works import Works
from interlock.checking.contributor_gathering import from_commits
from interlock.checking.decision import Decision
from interlock.checking.signed_statements import Verified, all_verified
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.roster import Person
from interlock.errors import HistoryError
from interlock.findings.finding import Finding
from interlock.history.attestation_ref import REF, Stored
from interlock.history.merge_result import merged_tree
from interlock.history.statement_index import StatementIndex
from interlock.rules.approval_decisions import decisions
from interlock.rules.transitions import approvals as approval_rules

NO_STATEMENTS = f"its approvals were not evaluated: this repository holds no statements ({REF})"
FETCH = f"run: git fetch ORIGIN {REF}:{REF}   (and run the audit again)"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of the approvals of one commit."""

    approvals: tuple[ApprovalsSeen, ...] = ()
    emergencies: tuple[EmergencyUse, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass
class ApprovalJudge:
    """Judges commit after commit; `index` is what the ref of statements holds."""

    documents: HistoricDocuments
    index: StatementIndex
    keys: KeysToday
    branch: Branch
    works: Works
    glass: BreakGlass
    target_ref: str
    now: dt.datetime
    _opened: tuple[str, Stored] | None = None

    def attested_time(self, record: CommitRecord, state: State) -> dt.datetime | None:
        """The earliest time that an attester of the roster before it signed for exactly this commit."""
        if record.tree not in self.index.folders or not record.parents:
            return None
        roster = state.single["Roster"]
        ring = KeyRing.of(roster.document if roster else None, _day(record.seconds))
        try:
            good, _ = all_verified(self._stored(record.tree).statements, ring)
        except HistoryError:
            return None
        times = [
            one.statement.time_verified
            for one in good
            if isinstance(one.statement, Attestation)
            and (one.statement.commit, one.statement.from_commit) == (record.commit, record.parents[0])
            and ATTESTER in one.holder.roles
            and one.statement.result == "PASSED"
            and self._counts(one)
        ]
        return min(times, default=None)

    def judged(self, replayed: Replayed, actor: Actor, ring: KeyRing) -> Judged:
        """The approvals of a commit that has a parent; nothing where it decides nothing that people must approve."""
        change = replayed.change
        if not decisions(change):
            return Judged()
        if self.index.commit is None:
            return Judged((ApprovalsSeen("unknown", why=(NO_STATEMENTS,)),), unknown=(NO_STATEMENTS,))
        try:
            gathered = self._gathered(replayed, ring)
            used = self.glass.used(replayed, gathered, self._decision(replayed), self._stored(replayed.record.tree))
            attested = tuple(_attested(gathered))
            facts = None if attested else self._facts(replayed, gathered, actor, used, ring)
        except HistoryError as error:
            return Judged(unknown=(f"its approvals could not be read: {error.found}",))
        found = _by_quorum(with_approvals(replayed, facts)) if facts else Judged(attested)
        told = tuple(finding for one in used for finding in about(one, self.now))
        return replace(found, emergencies=tuple(one.use for one in used), findings=(*found.findings, *told))

    def notes(self) -> tuple[str, ...]:
        """What a reader of the audit must know about statements."""
        return () if self.index.commit else (f"this repository holds no statements: {FETCH}",)

    def _stored(self, tree: str) -> Stored:
        if self._opened is None or self._opened[0] != tree:
            self._opened = (tree, self.index.stored(self.documents.objects, tree))
        return self._opened[1]

    def _counts(self, one: Verified) -> bool:
        return one.fingerprint not in self.keys.revoked

    def _gathered(self, replayed: Replayed, ring: KeyRing) -> Gathered:
        decision = self._decision(replayed)
        around = InMemory(self.documents, self.branch, decision, replayed.before, replayed.after, replayed.change)
        known = ring.without(self.keys.revoked)
        return worth_of(self._stored(decision.tree), decision, known, self.now, around, acted=replayed.when.time)

    def _decision(self, replayed: Replayed) -> Decision:
        record = replayed.record
        return Decision(self.target_ref, record.parents[0], record.tree, record.commit, record.commit)

    def _facts(
        self, replayed: Replayed, gathered: Gathered, actor: Actor, used: tuple[Used, ...], ring: KeyRing
    ) -> ApprovalFacts:
        record, change = replayed.record, replayed.change
        people = People.of(change.base.roster.document if change.base.roster else None)
        made = [*record.brought_in] if self._is_clean_merge(record) else [record.made, *record.brought_in]
        brought = [key for decision in decisions(change) for key in decision.brings_in]
        return ApprovalFacts(
            tree=record.tree,
            target_ref=self.target_ref,
            contributors=_identified(made, people, ring),
            approvals=gathered.approvals,
            base_commit=record.parents[0],
            trainers={key: self._trainers(replayed, key, people, ring) for key in brought},
            evaluators={key: _identified(self.works.evaluated_in(replayed, key), people, ring) for key in brought},
            activator=_activator(record, actor, people),
            merged=True,
            emergencies={one.use.environment: sentence(one) for one in used if one.use.counts},
            past_emergencies=self.glass.past(record.commit, replayed.when.time),
        )

    def _is_clean_merge(self, record: CommitRecord) -> bool:
        """Whether a merge adds nothing of its own, so that whoever merged had no hand in the content."""
        if len(record.parents) != 2:
            return False
        try:
            return merged_tree(self.branch.git, *record.parents) == record.tree
        except HistoryError:
            return False

    def _trainers(self, replayed: Replayed, key: RevisionId, people: People, ring: KeyRing) -> Identified:
        located = replayed.after.snapshot.revisions.get(key)
        found = _identified(self.works.made_in(replayed, key), people, ring)
        member = people.by_login(located.document.provenance.builder) if located else None
        if member is None:
            return found
        name = frozenset({name_of(member)})
        builder = Identified(people=name) if isinstance(member, Person) else Identified(machines=name)
        return found.with_others(builder)


def with_approvals(replayed: Replayed, facts: ApprovalFacts) -> Replayed:
    """The commit with what is known of its approvals, as the rules about them read it."""
    return replace(replayed, change=replace(replayed.change, approvals=facts))


def _by_quorum(replayed: Replayed) -> Judged:
    seen = [
        ApprovalsSeen(
            quorum.status,
            tuple((one.login, one.role) for one in quorum.counted),
            tuple((one.who, one.why) for one in quorum.not_counted),
            (*quorum.missing, *quorum.objections, *quorum.conflicts, *quorum.unknown),
            decision.environment or "",
        )
        for decision, quorum in approval_rules.answers(replayed.change)
    ]
    findings = [finding for rule in approval_rules.RULES for finding in rule.check(replayed.change)]
    return Judged(tuple(seen), findings=tuple(findings))


def _attested(gathered: Gathered) -> list[ApprovalsSeen]:
    return [
        ApprovalsSeen(
            "pass",
            tuple((person.login, person.role) for person in one.attestation.approvers),
            tuple((ignored.who, ignored.why) for ignored in gathered.ignored),
            (f"attested by {one.attester}: {one.attestation.quorum}",),
            ", ".join(one.attestation.environments),
        )
        for one in gathered.attestations
    ]


def _identified(made: list[MadeBy], people: People, ring: KeyRing) -> Identified:
    """Who had a hand in some commits; one that does not say whom it names could be by anybody."""
    hands = [hand for one in made for hand in one.hands]
    signers: Mapping[str, str] = {one.commit: one.fingerprint for one in made if ring.holder(one.fingerprint)}
    unread = [Contributor("somebody", "", "author", one.commit) for one in made if one.hands_unread]
    return identify([*from_commits(hands, signers), *unread], people)


def _activator(record: CommitRecord, actor: Actor, people: People) -> Identified:
    """Who brought the commit onto the branch: whoever signed it, or else whom it names as its committer."""
    if actor.name:
        return identify([Contributor("", "", "signer", record.commit, key=actor.fingerprint)], people)
    committers = [hand for hand in record.made.hands if hand.how == "committer"]
    return identify([Contributor(one.name, one.email, "merger", one.commit) for one in committers], people)


def _day(seconds: int) -> dt.date:
    return dt.datetime.fromtimestamp(max(0, seconds), dt.UTC).date()
