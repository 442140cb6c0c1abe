"""Who is asked about the approvals of a change: signed statements, and the forge that a person names.

Called by `interlock check --approvals`, `interlock approve --show` and `interlock attest`. What a forge does not answer
is known too, and the outcome is "could not evaluate".
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlock.approvals.forges.address import ForgeAddress, forge_address
from interlock.cli.options import Parsed
from interlock.errors import ForgeError

if TYPE_CHECKING:
    from interlock.checking.approval_facts import ApprovalSource, Told
    from interlock.history.repository import GitRepository

ADDRESS = Parsed("ADDRESS", forge_address)


@dataclass(frozen=True, slots=True)
class Asked:
    """A proposed merge of `head` into `base` whose approvals are wanted, and where to ask for them beside git."""

    base: str
    head: str
    proposals: tuple[ForgeAddress, ...] = ()

    @property
    def options(self) -> list[str]:
        """The options of `interlock check` that ask the same."""
        return ["--approvals", *(word for address in self.proposals for word in ("--forge", str(address)))]

    def source(self, repository: GitRepository, now: dt.datetime) -> ApprovalSource:
        """Where the approvals come from.

        Raises:
            HistoryError: git does not know the two sides.
            UsageError: a token for the forge cannot be used.
        """
        from interlock.checking.approval_facts import ApprovalSource
        from interlock.checking.decision import branch_ref, proposed_decision

        ref = branch_ref(repository.branch_name(self.base) or "main")
        decision = proposed_decision(repository, repository.resolve(self.base), repository.resolve(self.head), ref)
        return ApprovalSource(repository, decision, now, read_told(self.proposals))


def read_told(addresses: tuple[ForgeAddress, ...]) -> Told:
    """What the forge says about proposals; where it says nothing, that is known.

    Raises:
        UsageError: an address names no proposal, or a token cannot be used.
    """
    from interlock.approvals.forges.opening import read_proposal
    from interlock.checking.approval_facts import Told

    found = []
    for address in addresses:
        try:
            found.append(read_proposal(address, os.environ))
        except ForgeError as error:
            return Told(tuple(found), address.kind, f"{address} could not be read: {error.found}")
    return Told(tuple(found), addresses[0].kind if addresses else "")
