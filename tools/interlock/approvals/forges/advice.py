"""What `interlock forge doctor` finds about a branch: one piece of advice a setting. Values only.

`why` names the bypasses that the setting is there against, by the numbers of docs/forges.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["ok", "missing", "unknown"]

WHY: Final = {
    "protected": "anybody who may push could push anything (10, 17)",
    "approvals": "with fewer, or none, a change is merged that too few people have seen (19, 21)",
    "stale-approvals": "an approval would stand for commits that were pushed after it (8, 9)",
    "last-push": "the last one to push would approve their own push (8)",
    "own-approval": "whoever wrote the change would approve it (21)",
    "committers-approval": "whoever committed to the change would approve it (4, 5, 8)",
    "rules-overridden": "whoever opens a request would choose who has to approve it (7, 19)",
    "code-owners": "people outside the roles would approve, also policies and pipelines (7, 20)",
    "status-check": "a change could be merged that the checker refused or never saw (19)",
    "skipped-check": "a pipeline that was skipped would count as one that passed (19)",
    "check-source": "anybody with a token could report the check as passed (18)",
    "check-place": "the change could edit the pipeline that judges it (20)",
    "up-to-date": "two changes that are each valid can be invalid together (10)",
    "nobody-bypasses": "whoever may bypass the rules is not judged by them (16, 17)",
    "force-push": "what was approved could be replaced afterwards (10, 17)",
    "deletion": "a branch that is deleted and made again has lost its history (17)",
    "rebase-merging": "each commit of a change would become one of the branch that nobody approved by itself (10)",
    "signed-commits": "a commit would not prove who made it (2, 3)",
}
"""Every setting that is looked at on some forge, and what goes wrong without it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a repository asks of its forge: so many approvals, this check, and whether commits must be signed."""

    approvals: int = 1
    check: str = "conclusion"
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting: whether it is as it should be, what was found, what was expected, and where it is changed."""

    setting: str
    status: Status
    found: str
    expected: str
    where: str

    @property
    def why(self) -> str:
        """What goes wrong without it."""
        return WHY[self.setting]


def advice(setting: str, holds: bool | None, found: str, expected: str, where: str) -> Advice:
    """Advice about a setting that holds, does not, or could not be read (None)."""
    status: Status = "unknown" if holds is None else "ok" if holds else "missing"
    return Advice(setting, status, found, expected, where)


def any_holds(values: Iterable[bool | None]) -> bool | None:
    """Whether one of several places has a setting; unknown while none has it and one could not be read."""
    found = list(values)
    return True if True in found else None if None in found else False


def all_hold(values: Iterable[bool | None]) -> bool | None:
    """Whether all of several places have a setting; one that lacks it decides."""
    found = list(values)
    return False if False in found else None if None in found else True
