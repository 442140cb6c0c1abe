"""What the agent demands of a commit before it looks at it as a state to serve: that people stand behind every step.

Called by `source` for each new head. From the last trusted commit on, each commit of the branch is one decision: signed
by somebody in the roster of its first parent, passed by the checker as a change from there, and, where it concerns the
environment, attested or approved. Where a commit is not, nothing after it is trusted either, unless the branch returned
to exactly the files that were trusted before it: then it is *undone*, and counts for nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from interlock.approvals.facts import PastEmergency
from interlock.checking.checker import CheckCaches
from interlock.checking.emergencies import unreviewed
from interlock.checking.signed_range import find_root
from interlock.documents.kinds.environment import Environment
from interlock.documents.kinds.node import NodeTrust
from interlock.documents.layout import classify, environment_path
from interlock.documents.reading import read_document
from interlock.errors import HistoryError, RemoteUnreachable
from interlock.history.branch_copy import BranchCopy
from interlock.history.range_paths import BranchStep
from interlock.sync.accepted import Accepted
from interlock.sync.decisions import DecisionJudge
from interlock.sync.demands import Demands, Root, demands_of, root_of
from interlock.sync.trust_outcome import Refused, Trusted, TrustOutcome
from interlock.sync.trust_walk import Walk

MAX_ENVIRONMENT_BYTES = 1 << 20
_COMMITS_REMEMBERED = 64


class Trust:
    """The trust of one node. `now` is the wall clock with a timezone."""

    def __init__(
        self,
        mirror: BranchCopy,
        environment: str,
        settings: NodeTrust,
        *,
        now: Callable[[], dt.datetime],
        caches: CheckCaches,
    ) -> None:
        self._mirror = mirror
        self._git = mirror.repository.git
        self._environment = environment
        self._settings = settings
        self._root = root_of(settings)
        self._now = now
        self._caches = caches
        self._protected: dict[str, bool] = {}

    def demands(self, *commits: str | None) -> Demands:
        """What is demanded where the environment is protected in any of these commits."""
        return demands_of(self._settings, protected=any(self._remembered(commit) for commit in commits if commit))

    def is_settled(self, accepted: Accepted) -> bool:
        """Whether what was written down of a commit is all that is demanded of it by the settings of today."""
        if not self.demands(accepted.commit).any:
            return True
        return self._root is not None and accepted.root == self._root.name

    def judge(self, accepted: Accepted | None, head: str) -> TrustOutcome:
        """Whether everything from the last trusted commit up to `head` may be believed.

        Raises:
            HistoryError: git cannot read the range.
        """
        demands = self.demands(accepted.commit if accepted else None, head)
        if not demands.any:
            return Trusted(Accepted(head))
        if self._mirror.unverifiable:
            return _unverifiable(self._environment, self._mirror.unverifiable)
        if self._root is None:
            return _root_missing(self._environment, head)
        begun = self._beginning(self._root, accepted, head)
        if isinstance(begun, Refused):
            return begun
        judge = self._judge_of(demands, head)
        served = self._adapters_at(begun.commit) | self._adapters_at(head)
        return Walk(self._git, judge, self._environment, served, judge.now.date()).to(begun, head)

    def open_emergencies(self, accepted: Accepted) -> tuple[PastEmergency, ...]:
        """The emergencies up to a commit that nobody else has reviewed, newest first.

        Raises:
            HistoryError: git cannot read the statements.
        """
        return unreviewed(self.past_emergencies(accepted.commit))

    def past_emergencies(self, commit: str) -> tuple[PastEmergency, ...]:
        """All emergencies up to a commit, newest first; none where nobody's word is demanded.

        Raises:
            HistoryError: git cannot read the statements.
        """
        demands = self.demands(commit)
        return self._judge_of(demands, commit).past_emergencies(commit) if demands.any else ()

    def attested_at(self, step: BranchStep, head: str) -> dt.datetime | None:
        """When a commit of the branch up to `head` was attested; None without an attestation that counts here.

        Raises:
            HistoryError: git cannot read the statements.
        """
        demands = self.demands(step.parent, step.commit)
        return self._judge_of(demands, head).attested_at(step) if demands.any else None

    def _judge_of(self, demands: Demands, head: str) -> DecisionJudge:
        return DecisionJudge(
            self._mirror.repository,
            self._mirror.branch_ref,
            self._environment,
            demands,
            self._now(),
            self._caches,
            head,
        )

    def _adapters_at(self, commit: str) -> frozenset[str]:
        """The adapters that have a pointer file in the environment."""
        folder = f"environments/{self._environment}/pointers/"
        listing = self._git.run("ls-tree", "-z", "--name-only", "--full-tree", commit, folder)
        names = listing.decode("utf-8", errors="surrogateescape").split("\0")
        return frozenset(name.removeprefix(folder).removesuffix(".yaml") for name in names if name)

    def _beginning(self, root: Root, accepted: Accepted | None, head: str) -> Accepted | Refused:
        """The commit from which on everything is looked at."""
        if accepted and accepted.root == root.name:
            return accepted
        if root.commit is None:
            try:
                return Accepted(find_root(self._git, head, root.keys), root.name, "it is the root")
            except RemoteUnreachable:
                raise
            except HistoryError as error:
                return Refused("RootMissing", error.found, error.remedy)
        repository = self._mirror.repository
        if not repository.has(root.commit) or not repository.is_ancestor(root.commit, head):
            return Refused(
                "Rewritten",
                f"the branch at {head[:12]} does not contain {root.commit[:12]}, the root of trust of this node",
                "restore the branch, or correct `trust.root` in the node's settings: interlock sync --print-root",
            )
        return Accepted(root.commit, root.name, "it is the root")

    def _remembered(self, commit: str) -> bool:
        if commit not in self._protected:
            if len(self._protected) > _COMMITS_REMEMBERED:
                self._protected.clear()
            self._protected[commit] = self._is_protected(commit)
        return self._protected[commit]

    def _is_protected(self, commit: str) -> bool:
        """Whether the environment is protected in a commit; one that cannot be read might be."""
        path = environment_path(self._environment)
        if not self._git.run("ls-tree", "-z", "--full-tree", commit, path).strip(b"\0"):
            return False
        data = self._git.run("cat-file", "blob", f"{commit}:{path}", limit=MAX_ENVIRONMENT_BYTES)
        document = read_document(data, path, classify(path)).document
        return document.protected if isinstance(document, Environment) else True


def _root_missing(environment: str, head: str) -> Refused:
    return Refused(
        "RootMissing",
        f"{environment} is protected at {head[:12]}, and this node has no root of trust, so nothing can be verified",
        "run: interlock sync --node FILE --print-root, look at that commit, and write it into the node's settings",
    )


def _unverifiable(environment: str, why: str) -> Refused:
    return Refused(
        "Unverifiable",
        f"{environment} is protected, and {why}",
        "point `remote.url` at the git repository from which the directory comes (docs/directory.md), or give up"
        " verification on this node: trust: {protected: unverified}",
    )
