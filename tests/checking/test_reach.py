"""Looking only at what a change can affect finds exactly what looking at everything finds.

The examples of the rules are the cases: each is a change of a healthy repository, alone and on top of another one.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.checking.changes import STOOD_BEFORE, ChangeResult, check_change
from interlock.checking.proposals import proposed_commits
from interlock.checking.reach import MOST_TOUCHED
from interlock.findings.finding import Finding
from interlock.history.repository import GitRepository
from interlock.rules.catalogue import catalogue
from interlock.rules.example import (
    Approve,
    AskForChanges,
    Edit,
    FlipByte,
    Merge,
    PastEmergency,
    ProposeAs,
    SetValue,
    Vanish,
    Wait,
    example_ids,
    read_example,
)
from interlock.rules.rule import TransitionRule
from support.absent_packages import without_packages
from support.changes import NOON, Proposal
from support.repositories import Repository, artifact, manifest, pointer
from support.rule_examples import apply, missing_packages

pytestmark = pytest.mark.generated

ON_DISK_ONLY = {"submodule-in-tree", "unreadable-file"}
"""Examples of what no commit of the tests' own making can hold."""
CASES = sorted(example_ids() - ON_DISK_ONLY)


def edits_of(rule: str, *, passing: bool = False) -> list[Edit]:
    """What an example does to the files, its times and merges left out."""
    example = read_example(rule)
    edits = (*example.base, *(example.passing if passing else example.failing))
    return [
        edit
        for edit in edits
        if not isinstance(edit, (Wait, Merge, Vanish, ProposeAs, Approve, AskForChanges, PastEmergency))
    ]


def judged_twice(repository: Repository, *, deep: bool = False) -> tuple[ChangeResult, ChangeResult]:
    """The branch `proposal` against `main`: only what it can affect, and everything."""
    git = GitRepository(repository.root)
    with proposed_commits(git, "main", "proposal") as found:
        narrow, whole = (
            check_change(found.git, found.base_commit, found.base, found.head, now=NOON, deep=deep, everything=all_)
            for all_ in (False, True)
        )
    return narrow, whole


def news(result: ChangeResult) -> list[Finding]:
    """Everything but what stood before: a narrow look may leave that out."""
    return [finding for finding in result.findings if finding.excused != STOOD_BEFORE]


def new_warnings(result: ChangeResult) -> set[Finding]:
    return {finding for finding in news(result) if not finding.blocks} - set(result.base.findings)


def assert_equally_judged(narrow: ChangeResult, whole: ChangeResult) -> None:
    assert [f for f in narrow.findings if f.blocks] == [f for f in whole.findings if f.blocks]
    assert narrow.verdict is whole.verdict
    assert new_warnings(narrow) == new_warnings(whole)
    assert set(narrow.findings) <= set(whole.findings)


def commit_on(branch: str, edits: list[Edit], repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-B", branch)
    for edit in edits:
        apply(edit, repository)
    repository.commit("Edit", at=NOON)


@pytest.mark.parametrize("rule", CASES)
def test_each_flaw_is_found_by_looking_only_at_what_the_change_affects(rule: str, tmp_path: Path) -> None:
    repository = Proposal.begin(tmp_path / "repository").repository
    commit_on("proposal", edits_of(rule), repository)
    with without_packages(*missing_packages(edits_of(rule))):
        narrow, whole = judged_twice(repository, deep=read_example(rule).deep)
    if not isinstance(catalogue()[rule], TransitionRule):
        assert rule in {finding.rule for finding in narrow.findings} or rule.startswith("waiver-expired")
    assert_equally_judged(narrow, whole)


@pytest.mark.parametrize("rule", CASES)
def test_putting_a_flaw_right_leaves_nothing_behind(rule: str, tmp_path: Path) -> None:
    repository = Proposal.begin(tmp_path / "repository").repository
    repository.git("branch", "healthy")
    commit_on("main", edits_of(rule), repository)
    repository.git("checkout", "--quiet", "-B", "proposal")
    repository.git("rm", "-r", "--quiet", ".")
    repository.git("checkout", "healthy", "--", ".")
    repository.commit("Put it right", at=NOON)
    with without_packages(*missing_packages(edits_of(rule))):
        narrow, whole = judged_twice(repository, deep=read_example(rule).deep)
    assert_equally_judged(narrow, whole)


def test_bytes_are_found_under_an_address_that_is_spelled_with_escapes(tmp_path: Path) -> None:
    repository = Proposal.begin(tmp_path / "repository").repository
    path = manifest("support-bot", "1")
    text = (repository.root / path).read_text().replace("file:artifacts", r"file:\x61rtifacts")
    commit_on("main", [], repository)
    repository.write(path, text)
    repository.commit("Spell it strangely", at=NOON)
    commit_on("proposal", [FlipByte(corrupt=f"{artifact('support-bot', '1')}/adapter_model.safetensors")], repository)
    narrow, whole = judged_twice(repository)
    assert "digest-mismatch" in {finding.rule for finding in narrow.findings if finding.blocks}
    assert_equally_judged(narrow, whole)


def test_a_change_of_very_many_files_is_judged_whole(tmp_path: Path) -> None:
    repository = Proposal.begin(tmp_path / "repository").repository
    many = {f"adapters/support-bot/notes/{number}.txt": "a note\n" for number in range(MOST_TOUCHED + 1)}
    for path, text in many.items():
        repository.write(path, text)
    commit_on("proposal", [], repository)
    narrow, whole = judged_twice(repository)
    assert narrow.documents == whole.documents
    assert_equally_judged(narrow, whole)


def test_a_promotion_reads_only_what_it_affects(tmp_path: Path) -> None:
    repository = Proposal.begin(tmp_path / "repository").repository
    commit_on("proposal", [SetValue(set=pointer("dev", "support-bot"), at="active", to="2")], repository)
    narrow, whole = judged_twice(repository)
    assert narrow.checked == 2
    assert narrow.documents < whole.documents
    assert ("sql-helper", "1") not in {(key.adapter, key.revision) for key in narrow.head.snapshot.revisions}


@given(st.lists(st.tuples(st.sampled_from(CASES), st.booleans()), min_size=2, max_size=5), st.integers(0, 4))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flaws_upon_flaws_are_judged_alike(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool]], merged: int
) -> None:
    repository = Proposal.begin(tmp_path_factory.mktemp("flaws") / "repository").repository
    for index, (rule, passing) in enumerate(steps):
        branch = "main" if index < min(merged, len(steps) - 1) else "proposal"
        try:
            commit_on(branch, edits_of(rule, passing=passing), repository)
        except (OSError, KeyError, IndexError, AssertionError, TypeError, AttributeError, ValueError):
            repository.git("checkout", "--quiet", "--force", "-B", branch)  # the two edits exclude each other
            repository.git("clean", "--quiet", "--force", "-d")
    repository.git("checkout", "--quiet", "-B", "proposal")
    narrow, whole = judged_twice(repository)
    assert_equally_judged(narrow, whole)
