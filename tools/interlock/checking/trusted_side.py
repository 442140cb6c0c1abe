"""The documents of the trusted side that decide who may say what: its roster, and its policies.

Called by approve, attest and emergency, by the gathering of approvals, and by the audit. Only what is needed is read.
"""

from __future__ import annotations

from interlock.documents.kinds.roster import Roster
from interlock.documents.layout import environment_path
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import paths_below
from interlock.errors import HistoryError
from interlock.history.change_trees import SparseTree
from interlock.history.repository import GitRepository
from interlock.rules.effective_policy import EffectivePolicy, effective_policy, policies_of

ROSTER = "policies/roster.yaml"


def deciding_documents(repository: GitRepository, commit: str, *environments: str) -> Snapshot:
    """Everything below `policies/` at a commit (a full id), and these environments.

    Raises:
        HistoryError: git cannot read it.
    """
    with SparseTree(repository.git, commit) as tree:
        paths = {*paths_below(tree.entries(), "policies/"), *map(environment_path, environments)}
        return read_snapshot(tree, only=frozenset(paths))


def roster_of(repository: GitRepository, commit: str) -> Roster:
    """Who is who at a commit (a full id).

    Raises:
        HistoryError: there is no roster, or it cannot be read: nobody is known then.
    """
    return roster_in(deciding_documents(repository, commit), commit)


def roster_in(snapshot: Snapshot, commit: str) -> Roster:
    """The roster among the documents of a commit; see `roster_of`."""
    if snapshot.roster is None:
        what = "cannot be read" if ROSTER in snapshot.entries else "is not there"
        raise HistoryError(
            f"{ROSTER} {what} in {commit[:12]}, so nobody's signature counts",
            expected="a roster on the side that is changed",
            remedy=f"run: interlock check   (in a clone of {commit[:12]})",
        )
    return snapshot.roster.document


def policy_at(repository: GitRepository, commit: str, environment: str) -> EffectivePolicy:
    """What the policies at a commit ask for in an environment."""
    return effective_policy(policies_of(deciding_documents(repository, commit), environment))
