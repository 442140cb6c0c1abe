"""How many approvals the policies of a repository ask for at most: what its forge should ask for, too. Pure."""

from __future__ import annotations

from interlock.documents.snapshot import Snapshot
from interlock.rules.effective_policy import effective_policy, policies_of


def wanted_approvals(snapshot: Snapshot) -> int:
    """The largest number that the policies of any environment ask for, and at least one.

    A forge asks for one number a branch. Where roles are asked for, each of them needs people of its own.
    """
    return max([1, *(_asked(snapshot, name) for name in snapshot.environments)])


def _asked(snapshot: Snapshot, environment: str) -> int:
    policy = effective_policy(policies_of(snapshot, environment))
    count: int = policy.value("approvals.count", 0)
    roles: int = sum(policy.value(key, 0) for key in policy.settings if key.startswith("approvals.roles."))
    return max(count, roles)
