"""Looks up what a person typed in a snapshot, and answers a misspelling with the names that are there.

Called by every command that takes the name of an adapter, an environment, a base or a revision.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.layout import base_path, environment_path, revision_path
from interlock.documents.snapshot import Located, Snapshot
from interlock.errors import DocumentError, UsageError


def known_environment(snapshot: Snapshot, name: str) -> Located[Environment]:
    """The environment called `name`.

    Raises:
        UsageError: there is none.
        DocumentError: it is there and cannot be read.
    """
    found = snapshot.environments.get(name)
    if found is None:
        _refuse_unreadable(snapshot, environment_path(name))
        raise _unknown("environment", name, snapshot.environments, f"write {environment_path(name)}")
    return found


def known_base(snapshot: Snapshot, name: str, revision: str) -> Located[BaseRevision]:
    """The base revision `name@revision`.

    Raises:
        UsageError: there is none.
        DocumentError: it is there and cannot be read.
    """
    found = snapshot.bases.get((name, revision))
    if found is None:
        _refuse_unreadable(snapshot, base_path(name, revision))
        known = (f"{base}@{version}" for base, version in snapshot.bases)
        remedy = f"run: interlock register base DIRECTORY --name {name} --revision {revision}"
        raise _unknown("base", f"{name}@{revision}", known, remedy)
    return found


def known_revision(snapshot: Snapshot, revision: RevisionId) -> Located[AdapterRevision]:
    """The adapter revision.

    Raises:
        UsageError: there is none.
        DocumentError: it is there and cannot be read.
    """
    found = snapshot.revisions.get(revision)
    if found is None:
        _refuse_unreadable(snapshot, revision_path(revision.adapter, revision.revision))
        remedy = (
            f"run: interlock register adapter DIRECTORY --adapter {revision.adapter} --revision {revision.revision}"
        )
        raise _unknown("adapter revision", str(revision), map(str, snapshot.revisions), remedy)
    return found


def known_adapter(snapshot: Snapshot, name: str) -> str:
    """`name`, if there is an adapter or a revision or a pointer of that name.

    Raises:
        UsageError: nothing here is called so.
    """
    known = {*snapshot.adapters, *(key.adapter for key in snapshot.revisions), *(key[1] for key in snapshot.pointers)}
    if name not in known:
        remedy = f"run: interlock register adapter DIRECTORY --adapter {name} --revision 1 --base NAME@REVISION"
        raise _unknown("adapter", name, known, remedy)
    return name


def _refuse_unreadable(snapshot: Snapshot, path: str) -> None:
    if path in snapshot.entries:
        problem = next((p for p in snapshot.problems if p.place.path == path), None)
        detail = f" ({problem.place}: {problem.found})" if problem else ""
        raise DocumentError(f"{path} cannot be read{detail}", remedy="run: interlock check")


def _unknown(what: str, name: str, known: Iterable[str], remedy: str) -> UsageError:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    hint = f"; did you mean {near[0]}?" if near else ""
    return UsageError(
        f"there is no {what} {name} in this repository{hint}",
        expected=f"one of: {shown}" if names else f"a repository with at least one {what}",
        remedy=remedy,
    )
