"""Replays a branch: each first-parent commit is judged as a change of the one before it, by what that one says.

Called by the audit. A fold over `State`: what a commit may do is decided by its parent's policies, roster and history,
and by the moment from which it counts. What is judged by documents is judged as `interlock check --base` does; what
needs the bytes of adapters is not judged here, and the audit says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from interlock.checking.audit.commit_records import CommitRecord
from interlock.checking.audit.document_rules import Concerned, DocumentRules, concerned_by, narrowed
from interlock.checking.audit.historic_documents import HistoricDocuments, ReplayedTree
from interlock.checking.audit.outcome import Moment
from interlock.checking.audit.state import Side, State, touched_entries
from interlock.checking.changes import STOOD_BEFORE, concerned_paths, excuse_old
from interlock.checking.own_rules import change_with_own_rules, with_own_rules
from interlock.documents.path_problems import is_ours
from interlock.errors import HistoryError
from interlock.findings.finding import Finding, in_reading_order
from interlock.history.first_parent_log import BranchCommit
from interlock.rules.change import Change, History, Touch
from interlock.rules.effective_policy import EffectivePolicy
from interlock.rules.facts import Facts
from interlock.rules.transitions.registry import judge_change
from interlock.rules.waivers import excuse_waived

COMMITS_AT_ONCE = 500
"""Commits whose documents are read in one request."""


@dataclass(frozen=True)
class Replayed:
    """One commit that was judged as a change of the one before it. `change` and the sides last until the next commit.

    `unread` says what kept a part of the judgement from being made ("": nothing); `governing` that policies, roster or
    environments change.
    """

    record: CommitRecord
    when: Moment
    before: Side
    after: Side
    change: Change
    findings: tuple[Finding, ...]
    unread: str = ""
    governing: bool = False


@dataclass
class Replay:
    """One pass over a branch. `time_of` gives the time that somebody attested for a commit, None where nobody did."""

    documents: HistoricDocuments
    time_of: Callable[[CommitRecord, State], dt.datetime | None]
    state: State = field(init=False)
    _rules: DocumentRules = field(default_factory=DocumentRules)
    _policies: dict[str, EffectivePolicy] = field(default_factory=dict)
    _last: Moment | None = None

    def __post_init__(self) -> None:
        self.state = State(self.documents)

    def run(self, log: Iterable[BranchCommit], records: Mapping[str, CommitRecord]) -> Iterator[Replayed]:
        """Judge every commit of the log, oldest first.

        Raises:
            HistoryError: the log and the commits do not belong together, or git cannot read the log.
        """
        commits = iter(log)
        while batch := list(islice(commits, COMMITS_AT_ONCE)):
            self.documents.read_ahead(touched_entries(batch))
            for commit in batch:
                record = records.get(commit.commit)
                if record is None:
                    raise HistoryError(f"{commit.commit} is on the branch and cannot be read", remedy="run: git fsck")
                yield self._replayed(commit, record)

    def _replayed(self, commit: BranchCommit, record: CommitRecord) -> Replayed:
        parent = record.parents[0] if record.parents else ""
        before, after = self.state.before(parent), self.state.after(commit)
        when = self._last = self._moment(record)
        touched = {change.path: _touch(change.before, change.after) for change in commit.changes}
        concerned = concerned_by({path: touch for path, touch in touched.items() if is_ours(path)}, before, after)
        change = Change(
            before.snapshot, Facts(after.snapshot), touched, when.time, _Histories(self.state), policies=self._policies
        )
        findings, unread = self._judged(change, concerned, before, after)
        return Replayed(record, when, before, after, change, findings, unread, concerned.governing)

    def advance(self, replayed: Replayed) -> None:
        """Go on: the commit is what the branch says now. To be called once for each commit that `run` gives."""
        self.state.advance(replayed.record.commit, replayed.when.time)
        if replayed.governing:
            self._rules.forget()
            self._policies.clear()

    def _moment(self, record: CommitRecord) -> Moment:
        attested = self.time_of(record, self.state)
        time = attested or dt.datetime.fromtimestamp(max(0, record.seconds), dt.UTC)
        if self._last and time < self._last.time:
            return Moment(self._last.time, "commit before")
        return Moment(time, "attested" if attested else "committer")

    def _judged(
        self, change: Change, concerned: Concerned, before: Side, after: Side
    ) -> tuple[tuple[Finding, ...], str]:
        if not concerned.paths and not before.snapshot.rules:
            return (), ""
        first = not change.base.label
        found = self._of_documents(after, concerned)
        try:
            change = change_with_own_rules(change, self._tree(after, concerned)) if before.snapshot.rules else change
            if not first:
                old = self._of_documents(before, concerned) if any(f.blocks for f in found) else []
                found = excuse_old(found, old, concerned_paths(change))
                found += judge_change(change)
        except HistoryError as error:
            return tuple(in_reading_order(found)), f"rules of the organisation's own: {error.found}"
        waived = excuse_waived(found, before.snapshot, change.now.astimezone(dt.UTC).date())
        return tuple(finding for finding in in_reading_order(waived) if finding.excused != STOOD_BEFORE), ""

    def _of_documents(self, side: Side, concerned: Concerned) -> list[Finding]:
        facts = narrowed(side, concerned)
        if side.snapshot.rules:
            facts = with_own_rules(self._tree(side, concerned), facts)
        return self._rules.judged(facts, concerned)

    def _tree(self, side: Side, concerned: Concerned) -> ReplayedTree:
        return self.documents.tree(side.snapshot.label, narrowed(side, concerned).snapshot.entries)


class _Histories(Mapping[tuple[str, str], History]):
    """What every pointer named before, by environment and adapter."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __getitem__(self, key: tuple[str, str]) -> History:
        return self._state.history(*key)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._state.histories)

    def __len__(self) -> int:
        return len(self._state.histories)


def _touch(before: object, after: object) -> Touch:
    if before is None:
        return Touch.ADDED
    return Touch.REMOVED if after is None else Touch.CHANGED
