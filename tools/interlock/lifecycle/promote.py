"""Plans a promotion: which revision, which edit, and whether the result may be served. Writes nothing.

Called by `interlock promote`. A revision comes into an environment only while it is active in the upstream one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interlock.checking.fact_cache import Elsewhere
from interlock.documents.identifiers import revision_name
from interlock.documents.layout import pointer_path, revision_path
from interlock.documents.positions import Place
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import Tree
from interlock.errors import UsageError
from interlock.findings.finding import Finding
from interlock.lifecycle.judged_change import JudgedChange, judge
from interlock.lifecycle.known_names import known_adapter, known_environment
from interlock.lifecycle.pointer_edit import PointerEdit, activate


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion that was judged; `upstream` is where the revision comes from, None for a first environment."""

    edit: PointerEdit
    judged: JudgedChange
    upstream: str | None

    @property
    def message(self) -> str:
        """The commit message, in one line."""
        was = f"was {self.edit.previous}" if self.edit.previous else "first revision there"
        return f"promote: {self.edit.adapter} {self.edit.after.active} in {self.edit.environment} ({was})"


def plan_promotion(
    tree: Tree,
    adapter: str,
    revision: str | None,
    environment: str,
    *,
    lying_in: Path | None = None,
    today: dt.date | None = None,
    elsewhere: Elsewhere | None = None,
) -> Promotion:
    """Judge the promotion of `revision` (None: the one active upstream) of `adapter` into `environment`.

    `lying_in` is the working directory where `tree` is its last commit: what lies there may be newer. Waivers count
    if `today` (UTC) is given; `elsewhere` opens artifacts beyond this machine.

    Raises:
        UsageError: the adapter or the environment is not known, there is no upstream to take the revision from, or
            the manifest of the revision lies in the working directory and is not committed.
        DocumentError: a document that is needed cannot be read.
    """
    snapshot = read_snapshot(tree)
    known_adapter(snapshot, adapter)
    upstream = known_environment(snapshot, environment).document.upstream
    chosen = revision_name(revision) if revision is not None else _active_in(snapshot, adapter, environment, upstream)
    _refuse_uncommitted(snapshot, lying_in, revision_path(adapter, chosen))
    edit = activate(tree, snapshot, environment, adapter, chosen)
    step = _step_findings(snapshot, edit, upstream)
    return Promotion(edit, judge(tree, edit, step, today=today, elsewhere=elsewhere), upstream)


def _active_in(snapshot: Snapshot, adapter: str, environment: str, upstream: str | None) -> str:
    """The revision that is active upstream, for a person who named none."""
    known = sorted(key.revision for key in snapshot.revisions if key.adapter == adapter)
    if upstream is None:
        raise UsageError(
            f"{environment} has no upstream environment to take a revision of {adapter} from",
            expected=f"a revision: {', '.join(known) or 'none is registered yet'}",
            remedy=f"run: interlock promote {adapter} REVISION --to {environment}",
        )
    pointer = snapshot.pointers.get((upstream, adapter))
    if pointer is None:
        raise UsageError(
            f"{upstream}, the upstream of {environment}, serves no revision of {adapter}",
            expected=f"{pointer_path(upstream, adapter)}",
            remedy=f"run: interlock promote {adapter} REVISION --to {upstream}",
        )
    return pointer.document.active


def _refuse_uncommitted(snapshot: Snapshot, lying_in: Path | None, path: str) -> None:
    """A manifest needs a commit of its own: in one commit with the pointer, a revert would delete it too."""
    if lying_in and path not in snapshot.entries and (lying_in / path).exists():
        raise UsageError(
            f"{path} is not committed yet",
            expected="the revision in a commit of its own, before a pointer names it",
            remedy=f"run: git add -- {path}   (and its files in artifacts/, if they are kept here), then git commit",
        )


def _step_findings(snapshot: Snapshot, edit: PointerEdit, upstream: str | None) -> Iterator[Finding]:
    """What is wrong with the step itself, whatever it leads to."""
    revision, environment, place = edit.after.active, edit.environment, Place(edit.path)
    if edit.previous == revision:
        yield Finding(
            "already-active",
            place,
            f"{edit.adapter} {revision} is already active in {environment}",
            "another revision than the active one",
            f"run: interlock inspect {environment}",
            environment=environment,
        )
    if upstream is None:
        return
    pointer = snapshot.pointers.get((upstream, edit.adapter))
    active = pointer.document.active if pointer else None
    if active != revision:
        serves = f"serves {active}" if active else f"serves no revision of {edit.adapter}"
        yield Finding(
            "skipped-stage",
            place,
            f"{edit.adapter} {revision} is not active in {upstream}, the upstream of {environment}, which {serves}",
            f"a revision that is active in {upstream} when it comes to {environment}",
            f"run: interlock promote {edit.adapter} {revision} --to {upstream}",
            environment=environment,
        )
