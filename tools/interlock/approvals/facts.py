"""Everything that is known about the approvals of one change, gathered beforehand. Rules about approvals only read it.

Filled in by `checking`. None in the place of these facts says that nobody asked for approvals, which is no answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.approvals.contributors import Identified
from interlock.approvals.question import Approval
from interlock.documents.identifiers import RevisionId


@dataclass(frozen=True, slots=True)
class PastEmergency:
    """A step of the trusted branch that went into an environment as an emergency, without the approvals.

    `reviewed_by` are the people who looked at it afterwards; `review_due` is when one of them had to.
    """

    environment: str
    commit: str
    by: str
    reason: str
    declared: dt.datetime
    review_due: dt.datetime | None
    reviewed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What was said about a change, and who had which part in it. Commits and trees are full ids.

    `tree` is what the change leads to, `base_commit` the first parent that it comes from. `head_commit` and `head_tree`
    are those of the proposal ("" without one). `trainers` and `evaluators` are by the revision that comes in.
    `activator` is who merged, None while nobody has (`merged` False). `emergencies` gives, for an environment, the
    sentence that says who declared an emergency there for exactly this tree, and until when. `past_emergencies` are
    those that the trusted branch went through, newest first, by environment. `unread` says why not everything could be
    gathered ("": it was).
    """

    tree: str
    target_ref: str
    contributors: Identified
    approvals: tuple[Approval, ...] = ()
    base_commit: str = ""
    head_commit: str = ""
    head_tree: str = ""
    forge: str = ""
    trainers: Mapping[RevisionId, Identified] = field(default_factory=dict)
    evaluators: Mapping[RevisionId, Identified] = field(default_factory=dict)
    activator: Identified | None = None
    merged: bool = False
    emergencies: Mapping[str, str] = field(default_factory=dict)
    past_emergencies: Mapping[str, tuple[PastEmergency, ...]] = field(default_factory=dict)
    unread: str = ""
