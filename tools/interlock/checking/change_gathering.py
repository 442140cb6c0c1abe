"""Gathers what the transition rules judge: what differs, and what the trusted branch served before.

Called by `changes`. Bad content and missing history are facts here, and never exceptions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from interlock.documents.layout import classify
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import Entry
from interlock.errors import HistoryError
from interlock.history.branch_times import branch_times
from interlock.history.git_command import Git
from interlock.history.pointer_history import pointer_changes
from interlock.history.tree_objects import ChangedListing
from interlock.rules.change import Activation, Change, History, Touch
from interlock.rules.facts import Facts


def gather_change(
    git: Git,
    base_commit: str | None,
    base: Snapshot,
    head: Facts,
    touched: Mapping[str, Touch],
    now: dt.datetime,
    untrusted: Collection[str] = (),
) -> Change:
    """The way from `base` (the tree of `base_commit`; None: nothing was committed yet) to `head`.

    What commits in `untrusted` told an environment to serve is left out of the histories.
    """
    histories = _histories(git, base_commit, base, head.snapshot, touched)
    return Change(base, head, touched, now, _without(histories, untrusted) if untrusted else histories)


def _without(
    histories: Mapping[tuple[str, str], History], untrusted: Collection[str]
) -> dict[tuple[str, str], History]:
    return {
        key: replace(history, activations=tuple(a for a in history.activations if a.commit not in untrusted))
        for key, history in histories.items()
    }


def touched_paths(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, Touch]:
    """Every path that differs between two listings of git objects, in order."""
    if isinstance(after, ChangedListing) and after.before is before:
        candidates = set(after.changed)
    else:
        candidates = before.keys() | after.keys()
    found = {}
    for path in sorted(candidates):
        old, new = before.get(path), after.get(path)
        if old is None:
            found[path] = Touch.ADDED
        elif new is None:
            found[path] = Touch.REMOVED
        elif (old.kind, old.identity) != (new.kind, new.identity):
            found[path] = Touch.CHANGED
    return found


def _histories(
    git: Git, commit: str | None, base: Snapshot, head: Snapshot, touched: Mapping[str, Touch]
) -> dict[tuple[str, str], History]:
    wanted = set(_wanted(base, head, touched))
    if not wanted:
        return {}
    if commit is None:
        return dict.fromkeys(wanted, History())
    try:
        times = branch_times(git, commit)
        return {key: _history(git, commit, *key, times) for key in wanted}
    except HistoryError as error:
        return dict.fromkeys(wanted, History(unknown=error.found))


def _wanted(base: Snapshot, head: Snapshot, touched: Mapping[str, Touch]) -> Iterator[tuple[str, str]]:
    """The touched pointers, their upstream pointers, and every pointer of an adapter whose files are removed."""
    for path, touch in touched.items():
        found = classify(path)
        if found.kind == "Pointer":
            environment, adapter = found.values
            yield environment, adapter
            env = base.environments.get(environment) or head.environments.get(environment)
            if env and env.document.upstream:
                yield env.document.upstream, adapter
        elif touch is Touch.REMOVED and path not in head.entries:
            yield from _pointers_that_may_need(base, path)


def _pointers_that_may_need(base: Snapshot, path: str) -> Iterator[tuple[str, str]]:
    """The pointers of the adapters whose bytes stood at a path of the repository."""
    owners = {
        key.adapter
        for key, located in base.revisions.items()
        if path.startswith(f"{located.document.artifact.uri.removeprefix('file:').rstrip('/')}/")
    }
    return (key for key in base.pointers if key[1] in owners)


def _history(git: Git, commit: str, environment: str, adapter: str, times: Mapping[str, dt.datetime]) -> History:
    changes = pointer_changes(git, commit, environment, adapter)
    return History(tuple(Activation(change.commit, change.active, times[change.commit]) for change in changes))
