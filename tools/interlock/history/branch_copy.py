"""What the agent needs of its own copy of a branch, wherever that comes from: a git remote, or a directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from interlock.history.repository import GitRepository


@dataclass(frozen=True, slots=True)
class Tips:
    """What a remote has now: the commit of the branch, and that of the signed statements (None: there are none)."""

    head: str
    statements: str | None


class BranchCopy(Protocol):
    """A growing copy of one branch in a repository on this node."""

    repository: GitRepository

    @property
    def branch_ref(self) -> str:
        """The full name of the branch that is followed."""

    @property
    def unverifiable(self) -> str:
        """Why nobody's word about its commits can be verified, in a sentence; "" where it can."""

    def remote_tips(self) -> Tips:
        """What there is to follow now.

        Raises:
            RemoteUnreachable: no usable answer; time may heal it.
            HistoryError: there is nothing that can be followed.
        """

    def fetch(self, accepted: str | None) -> str:
        """Have the branch here and return its commit; `accepted` is the commit that it must descend from.

        Raises:
            RemoteUnreachable: the transfer failed.
            HistoryRewritten: the branch does not contain `accepted`, which stays.
            HistoryError: what is there is damaged or dangerous.
        """

    def fetch_statements(self, tip: str | None) -> None:
        """Have the signed statements here; `tip` is where `remote_tips` saw their ref.

        Raises:
            HistoryError: as `fetch`.
        """
