"""Whether a commit may be followed, and what it asks for: everybody stands behind it who must (`trust`), and the same
checker that guards pull requests passes it.

Called by `source`. Several agents of one process that follow one branch for one environment, such as those of a machine
with eight cards, may share one judge and its mirror: each asks the remote by itself, and a commit is fetched and judged
once. The answers are functions of what git and the settings say: nothing but work is shared. Safe for several threads.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from interlock.approvals.facts import PastEmergency
from interlock.artifacts.sources import open_beyond
from interlock.artifacts.store import ArtifactStore
from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.clock import utc_now
from interlock.checking.fact_cache import Elsewhere, FactCache
from interlock.documents.kinds.node import NodeTrust
from interlock.findings.finding import Verdict
from interlock.history.branch_copy import BranchCopy, Tips
from interlock.history.commit_tree import CommitTree
from interlock.history.directory_mirror import DirectoryMirror
from interlock.history.mirror import Mirror, Remote
from interlock.history.pointer_history import pointer_changes
from interlock.history.reading_session import reading_session
from interlock.history.repository import GitRepository
from interlock.history.way_back import earlier_active
from interlock.sync.accepted import Accepted
from interlock.sync.beyond import Beyond
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired, desired_state
from interlock.sync.rollback_targets import rollback_targets
from interlock.sync.settings import NodeSettings
from interlock.sync.trust import Trust
from interlock.sync.trust_outcome import Flaw, Trusted
from interlock.sync.versions import BranchVersions, Versions

SHARED_FOR = dt.timedelta(seconds=10)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Passed:
    """A commit that is followed: what is written down of it, what it asks for and how its pointers came to that, and
    which emergencies are open.
    """

    accepted: Accepted
    desired: Desired
    versions: Versions
    emergencies: tuple[PastEmergency, ...]


class CommitJudge:
    """Judges commits of one branch for one environment. `now` is the wall clock, with a timezone.

    `remember` is for how long the same question gets the same answer again, although the time of day may matter to it.
    `elsewhere` opens artifacts beyond this machine.
    """

    def __init__(
        self,
        mirror: BranchCopy,
        environment: str,
        trust: NodeTrust | None = None,
        *,
        now: Callable[[], dt.datetime] = utc_now,
        remember: dt.timedelta = dt.timedelta(),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._mirror, self._remember = mirror, remember
        self._environment = environment
        self._now = now
        self._caches = CheckCaches(facts=FactCache(elsewhere))
        self._trust = Trust(mirror, environment, trust or NodeTrust(), now=now, caches=self._caches)
        self._lock = threading.RLock()
        self._answers: dict[Hashable, tuple[dt.datetime, object]] = {}

    @property
    def repository(self) -> GitRepository:
        """The mirror's repository, for reading."""
        return self._mirror.repository

    def tips(self) -> Tips:
        """What the remote has now; see `Mirror.remote_tips`."""
        return self._mirror.remote_tips()

    def fetch(self, accepted: str | None, tips: Tips) -> str:
        """Fetch the branch, and the statements where they are needed; see `Mirror.fetch`.

        Raises:
            HistoryError: as `Mirror.fetch` and `Mirror.fetch_statements`.
        """

        def fetched() -> str:
            commit = self._mirror.fetch(accepted)
            if self._trust.demands(accepted, commit).any:
                self._mirror.fetch_statements(tips.statements)
            return commit

        return self._once(("fetch", accepted, tips), fetched)

    def fetch_statements(self, tip: str | None) -> None:
        """Fetch the signed statements, which stand at `tip` now; see `Mirror.fetch_statements`."""
        self._once(("statements", tip), lambda: self._mirror.fetch_statements(tip))

    def demands(self, commit: str) -> Demands:
        """What is demanded of the commits after this one."""
        with self._lock:
            return self._trust.demands(commit)

    def is_settled(self, accepted: Accepted) -> bool:
        """See `Trust.is_settled`."""
        with self._lock:
            return self._trust.is_settled(accepted)

    def open_emergencies(self, accepted: Accepted) -> tuple[PastEmergency, ...]:
        """See `Trust.open_emergencies`."""
        with self._lock:
            return self._trust.open_emergencies(accepted)

    def judge(self, accepted: Accepted | None, commit: str, statements: str | None) -> Passed | Flaw | CheckResult:
        """Judge a fetched commit after the last accepted one; `statements` is where their ref stands.

        Returns the flaw where it is not trusted, the result where the checker does not pass it.

        Raises:
            HistoryError: git cannot read it.
        """
        return self._once(("judge", accepted, commit, statements), lambda: self._judged(accepted, commit))

    def desired(self, accepted: Accepted) -> tuple[Desired, Versions]:
        """What an accepted commit asks for, and how its pointers came to that.

        Raises:
            HistoryError: git cannot read it.
            DocumentError, UsageError: see `desired_state`.
        """

        def computed() -> tuple[Desired, Versions]:
            with self._mirror.repository.commit_tree(accepted.commit) as tree:
                return self._compute(tree, self._check(tree), accepted)

        return self._once(("desired", accepted), computed)

    def _judged(self, accepted: Accepted | None, commit: str) -> Passed | Flaw | CheckResult:
        with reading_session():
            return self._judged_anew(accepted, commit)

    def _judged_anew(self, accepted: Accepted | None, commit: str) -> Passed | Flaw | CheckResult:
        trusted = self._trust.judge(accepted, commit)
        if not isinstance(trusted, Trusted):
            return trusted
        with self._mirror.repository.commit_tree(commit) as tree:
            result = self._check(tree)
            if result.verdict is not Verdict.PASS:
                return result
            desired, versions = self._compute(tree, result, trusted.accepted)
        return Passed(trusted.accepted, desired, versions, self._trust.open_emergencies(trusted.accepted))

    def _check(self, tree: CommitTree) -> CheckResult:
        today = self._now().astimezone(dt.UTC).date()
        return check_tree(tree, environment=self._environment, today=today, caches=self._caches)

    def _compute(self, tree: CommitTree, result: CheckResult, accepted: Accepted) -> tuple[Desired, Versions]:
        listed = pointer_changes(self._mirror.repository.git, tree.label, self._environment)
        changes = [change for change in listed if change.commit not in accepted.undone]
        earlier = {change.adapter: earlier_active(changes, change.adapter) for change in changes}
        kept = rollback_targets(tree, result, self._environment, earlier, self._caches.facts)
        versions = BranchVersions(
            self._mirror, self._trust, self._environment, result, changes, self._caches, self._lock
        )
        return desired_state(result.snapshot, self._environment, kept, commit=tree.label), versions

    def _once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer to a question; whoever asks the same within a short time gets what the first one got.

        An answer holds everything that was read for it, so it is dropped when the next question is answered after that.
        """
        with self._lock:
            if not self._remember:
                return answer()  # nobody will ask again, and an answer holds everything that was read for it
            now = self._now()
            known = self._answers.get(question)
            if known and abs(now - known[0]) < self._remember:
                return known[1]  # type: ignore[return-value]  # the question says of which type its answer is
            self._answers = {q: one for q, one in self._answers.items() if abs(now - one[0]) < self._remember}
            found = answer()
            self._answers[question] = (now, found)
            return found


def open_judge(
    settings: NodeSettings, *, now: Callable[[], dt.datetime] = utc_now, shared: bool = False
) -> CommitJudge:
    """The judge of a node, whose mirror lies in the state directory of that node; `shared` if others use it too.

    Raises:
        UsageError: the address of the remote cannot be used.
    """
    node = settings.node
    remember = SHARED_FOR if shared else dt.timedelta()
    elsewhere = Beyond(
        ArtifactStore(settings.store), settings.state / "signatures", partial(open_beyond, access=settings.access)
    )
    return CommitJudge(
        _copy_of(settings), node.environment, node.trust, now=now, remember=remember, elsewhere=elsewhere
    )


def _copy_of(settings: NodeSettings) -> BranchCopy:
    remote = settings.node.remote
    if settings.directory:
        return DirectoryMirror(settings.state / "directory", settings.directory)
    assert remote.url  # a document without either is not valid
    address = Remote(remote.url, remote.branch, settings.remote_token)
    return Mirror(settings.state / "mirror", address, timeout=remote.timeout.total_seconds())
