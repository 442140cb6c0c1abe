"""A check on a person's machine or in a workflow: with what earlier checks left behind, on all processors.

Called by `interlock check`. The agent keeps what it knows in memory instead, and runs nothing beside itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from interlock.checking.checker import CheckCaches, CheckResult, check_tree
from interlock.checking.clock import utc_now
from interlock.checking.document_store import LazyStore
from interlock.checking.fact_cache import Elsewhere, FactCache
from interlock.checking.reading_ahead import ReadingAhead, usable_processes
from interlock.checking.remembered_result import RememberedResult, key_of, recall, remember
from interlock.documents.snapshot import DocumentCache
from interlock.documents.tree import ListedOnce

WORTH_REMEMBERING = 500
"""Files of a directory from which remembering the outcome takes less time than it saves."""
_NO_END = 10**9


@contextmanager
def local_caches(store: LazyStore | None = None, elsewhere: Elsewhere | None = None) -> Iterator[CheckCaches]:
    """Caches for one check of this process; `elsewhere` opens what lies beyond this machine.

    The garbage collector rests meanwhile: a check makes a great many objects and hardly any that refer to each other
    in a circle, so collecting finds nothing and takes half of the time.
    """
    store = store or LazyStore()
    collecting = gc.isenabled()
    gc.disable()
    try:
        ahead = ReadingAhead(processes=usable_processes(), store=store)
        yield CheckCaches(documents=DocumentCache(_NO_END), facts=FactCache(elsewhere), ahead=ahead)
    finally:
        store.close()
        if collecting:
            gc.enable()


def check_directory(
    tree: ListedOnce, *, environment: str | None, deep: bool, whole: bool, elsewhere: Elsewhere | None = None
) -> CheckResult | RememberedResult:
    """Judge a directory now; where nothing has changed since an earlier check, its outcome is told again.

    `whole` asks for the facts too, which are not remembered; `elsewhere` opens what lies beyond this machine.
    """
    now = utc_now()
    lazy = LazyStore()
    with local_caches(lazy, elsewhere) as caches:
        store = lazy() if len(tree.entries()) >= WORTH_REMEMBERING else None
        key = key_of(tree.entries(), tree.label, environment, deep, now.date()) if store else ""
        known = recall(store, key) if store and not whole else None
        if known:
            return known
        result = check_tree(tree, environment=environment, deep=deep, today=now.date(), caches=caches)
        if store:
            remember(store, key, result, now.timestamp())
        return result
