"""The repository that the check benchmark is measured on is one that passes, or the figures would mean nothing."""

from pathlib import Path

from benchmarks.check.generate import PROMOTED, Size, generate

from interlock.checking.checker import check_tree
from interlock.documents.tree import WorkingTree
from interlock.findings.finding import Verdict


def test_the_generated_repository_passes_to_the_last_revision(tmp_path: Path) -> None:
    generate(tmp_path / "large", Size(adapters=3, revisions=4, evidence=1))
    result = check_tree(WorkingTree(tmp_path / "large"))
    assert (result.verdict, result.findings, result.checked) == (Verdict.PASS, (), 12)
    assert 'active: "4"' in (tmp_path / "large" / PROMOTED).read_text()
