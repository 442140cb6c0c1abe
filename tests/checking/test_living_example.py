"""The repository's own example is clean, weights included, and judging it takes a moment only."""

from __future__ import annotations

import time

from interlock.checking.checker import CheckCaches, check_tree, exit_code
from interlock.documents.tree import WorkingTree
from support.checks import describe
from support.living_example import REPOSITORY


def test_the_living_example_is_clean_down_to_its_weights() -> None:
    result = check_tree(WorkingTree(REPOSITORY), deep=True)
    assert [describe(finding) for finding in result.findings] == []
    assert exit_code(result) == 0
    assert result.checked == len(result.snapshot.revisions) >= 4


def test_the_living_example_is_judged_in_well_under_a_second() -> None:
    tree, caches, taken = WorkingTree(REPOSITORY), CheckCaches(), []
    for _ in range(5):
        begin = time.perf_counter()
        check_tree(tree)
        taken.append(time.perf_counter() - begin)
    assert min(taken) < 0.3
    check_tree(tree, caches=caches)
    begin = time.perf_counter()
    check_tree(tree, caches=caches)
    assert time.perf_counter() - begin < 0.3
