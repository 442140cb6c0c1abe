"""How many approvals the policies of a repository ask for at most: what its forge should ask for, too. Pure.

Called by `interlock forge doctor`. A policy that cannot be read might ask for more, so nothing is said then.
"""

from __future__ import annotations

from interlock.documents.layout import classify
from interlock.documents.snapshot import Snapshot
from interlock.lifecycle.codeowners import Undecided
from interlock.rules.effective_policy import effective_policy, policies_of


def wanted_approvals(snapshot: Snapshot) -> int:
    """The largest number that the policies of any environment ask for, and at least one.

    A forge asks for one number a branch. Where roles are asked for, each of them needs people of its own.

    Raises:
        Undecided: a document that decides about approvals cannot be read.
    """
    unread = sorted({problem.place.path for problem in snapshot.problems if _decides(problem.place.path)})
    if unread:
        raise Undecided(
            f"{', '.join(unread[:3])} cannot be read, so nobody can say how many approvals are asked for",
            expected="readable policies and environments",
            remedy="run: interlock check, or say the number with --approvals",
        )
    return max([1, *(_asked(snapshot, name) for name in snapshot.environments)])


def _decides(path: str) -> bool:
    return classify(path).kind in ("Policy", "Environment")


def _asked(snapshot: Snapshot, environment: str) -> int:
    policy = effective_policy(policies_of(snapshot, environment))
    count: int = policy.value("approvals.count", 0)
    roles: int = sum(policy.value(key, 0) for key in policy.settings if key.startswith("approvals.roles."))
    return max(count, roles)
