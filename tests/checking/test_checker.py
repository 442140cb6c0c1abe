"""Checking a tree: exit codes, the narrowing to one environment, git commits, and work that is not done twice."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from interlock.checking.checker import CheckCaches, CheckResult, check_tree, exit_code
from interlock.checking.gather import gather
from interlock.documents.identifiers import RevisionId
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import Entry, Tree, WorkingTree
from interlock.errors import ArtifactUnreachable, HistoryError
from interlock.findings.finding import Verdict
from interlock.history.repository import GitRepository
from support.repositories import Repository, artifact, git_repository, manifest, pointer, write_repository

WEIGHTS = "adapter_model.safetensors"
BOT_1 = manifest("support-bot", "1")


class Watched:
    """A tree that notes which files are read, and can fail like a broken network."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.reads: list[str] = []
        self.broken: Exception | None = None

    @property
    def label(self) -> str:
        return self._tree.label

    def entries(self) -> Mapping[str, Entry]:
        return self._tree.entries()

    def read(self, path: str, *, limit: int) -> bytes:
        self._note(path)
        return self._tree.read(path, limit=limit)

    def prefetch(self, paths: Iterable[str], *, limit: int) -> None:
        self._tree.prefetch(paths, limit=limit)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        self._note(path)
        return self._tree.open(path)

    def _note(self, path: str) -> None:
        self.reads.append(path)
        if self.broken and path.endswith(WEIGHTS):
            raise self.broken


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return write_repository(tmp_path / "repository")


@pytest.fixture
def committed(tmp_path: Path) -> Repository:
    return git_repository(tmp_path / "repository")


def check_commit(repository: Repository, caches: CheckCaches | None = None, env: str | None = None) -> CheckResult:
    git = GitRepository(repository.root)
    with git.commit_tree(git.head()) as tree:
        return check_tree(tree, environment=env, caches=caches)


def rules(result: CheckResult) -> list[str]:
    return [finding.rule for finding in result.findings]


def test_a_valid_repository_is_clean_and_everything_in_it_was_counted(repository: Repository) -> None:
    result = check_tree(WorkingTree(repository.root))
    assert (result.verdict, exit_code(result)) == (Verdict.PASS, 0)
    assert (result.documents, result.checked) == (19, 4)
    assert result.label == str(repository.root)


def test_an_empty_folder_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing of ours")
    assert exit_code(check_tree(WorkingTree(tmp_path))) == 3


def test_a_misspelt_file_alone_is_a_finding_and_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "production.yml").write_text("kind: Policy\n")
    assert exit_code(check_tree(WorkingTree(tmp_path))) == 1


def test_every_revision_that_one_environment_serves_is_looked_at_and_no_other(repository: Repository) -> None:
    repository.point("dev", "support-bot", active="3", canary={"revision": "2", "weight": 5})
    result = check_tree(WorkingTree(repository.root), environment="dev")
    assert set(result.facts.artifacts) == {
        RevisionId("sql-helper", "1"),
        RevisionId("support-bot", "2"),
        RevisionId("support-bot", "3"),
    }
    assert (result.environment, result.checked) == ("dev", 3)


def test_one_environment_is_not_blocked_by_what_another_serves(repository: Repository) -> None:
    repository.remove(artifact("support-bot", "1"))
    assert rules(check_tree(WorkingTree(repository.root), environment="dev")) == []
    assert rules(check_tree(WorkingTree(repository.root), environment="production")) == ["artifact-missing"]


def test_the_form_of_every_document_counts_for_every_environment(repository: Repository) -> None:
    repository.point("production", "support-bot", active=1)
    assert rules(check_tree(WorkingTree(repository.root), environment="dev")) == ["unquoted-identifier"]


def test_an_unchanged_tree_is_not_read_again(repository: Repository) -> None:
    tree, caches = Watched(WorkingTree(repository.root)), CheckCaches()
    first = check_tree(tree, caches=caches)
    assert f"{artifact('support-bot', '1')}/{WEIGHTS}" in tree.reads
    tree.reads.clear()
    second = check_tree(tree, caches=caches)
    assert tree.reads == []
    assert second.findings is first.findings
    assert second.facts.artifacts == first.facts.artifacts


def test_after_a_change_only_what_changed_is_read(repository: Repository) -> None:
    tree, caches = Watched(WorkingTree(repository.root)), CheckCaches()
    check_tree(tree, caches=caches)
    tree.reads.clear()
    repository.point("dev", "support-bot", active="1")
    assert rules(check_tree(tree, caches=caches)) == []
    assert tree.reads == [pointer("dev", "support-bot")]
    tree.reads.clear()
    repository.replace_adapter("support-bot", "1", rank=64)
    assert rules(check_tree(tree, caches=caches)) == ["rank-over-limit", "rank-over-limit"]
    assert {path.split("/")[0] for path in tree.reads} == {"adapters", "artifacts"}
    assert all("support-bot" in path for path in tree.reads)


def test_changed_bytes_are_noticed_although_the_documents_are_the_same(repository: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bytes"
    (repository.root / artifact("support-bot", "1")).rename(elsewhere)
    repository.change(BOT_1, "artifact", "uri", to=f"file://{elsewhere}")
    tree, caches = WorkingTree(repository.root), CheckCaches()
    assert rules(check_tree(tree, caches=caches)) == []
    data = (elsewhere / WEIGHTS).read_bytes()
    (elsewhere / WEIGHTS).unlink()
    (elsewhere / WEIGHTS).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert rules(check_tree(tree, caches=caches)) == ["digest-mismatch"]


def test_a_deep_check_does_not_take_over_what_a_shallow_one_found_out(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", nan=True)
    tree, caches = WorkingTree(repository.root), CheckCaches()
    assert rules(check_tree(tree, caches=caches)) == []
    assert rules(check_tree(tree, deep=True, caches=caches)) == ["non-finite-weights"]
    assert rules(check_tree(tree, caches=caches)) == []


def test_another_environment_does_not_get_the_findings_of_the_last_one(repository: Repository) -> None:
    repository.remove(artifact("support-bot", "1"))
    tree, caches = WorkingTree(repository.root), CheckCaches()
    assert rules(check_tree(tree, environment="dev", caches=caches)) == []
    assert rules(check_tree(tree, environment="production", caches=caches)) == ["artifact-missing"]


def test_a_commit_is_judged_like_the_files_on_disk(committed: Repository) -> None:
    result = check_commit(committed)
    assert (rules(result), result.checked) == ([], 4)
    committed.remove(f"{artifact('support-bot', '1')}/{WEIGHTS}")
    assert rules(check_commit(committed)) == []
    committed.commit("Lose the weights")
    assert rules(check_commit(committed)) == ["artifact-missing"]


@pytest.mark.parametrize(("change", "size"), [(-1, "8199 bytes"), (+1, "8201 bytes or more")])
def test_a_file_of_another_length_in_a_commit_is_refused(committed: Repository, change: int, size: str) -> None:
    path = committed.root / artifact("support-bot", "1") / WEIGHTS
    data = path.read_bytes()
    path.write_bytes(data[:change] if change < 0 else data + b"\0")
    committed.commit("Change the length")
    result = check_commit(committed)
    assert rules(result) == ["size-mismatch"]
    assert size in result.findings[0].found


def test_a_new_commit_costs_only_what_it_changes(committed: Repository) -> None:
    git, caches = GitRepository(committed.root), CheckCaches()
    with git.commit_tree(git.head()) as tree:
        check_tree(tree, environment="dev", caches=caches)
    committed.point("dev", "support-bot", active="2")
    committed.commit("Promote")
    with git.commit_tree(git.head()) as tree:
        watched = Watched(tree)
        assert rules(check_tree(watched, environment="dev", caches=caches)) == []
    read = {path.rpartition("/")[0] for path in watched.reads}
    assert read == {"environments/dev/pointers", artifact("support-bot", "2"), "adapters/support-bot/recipes"}


@pytest.mark.parametrize("error", [ArtifactUnreachable("the disk is gone"), HistoryError("the remote is gone")])
def test_bytes_that_cannot_be_read_now_are_not_evaluated_and_tried_again(
    repository: Repository, error: Exception
) -> None:
    tree, caches = Watched(WorkingTree(repository.root)), CheckCaches()
    tree.broken = error
    result = check_tree(tree, environment="dev", caches=caches)
    assert rules(result) == ["artifact-unreachable"] * 2
    assert (result.verdict, exit_code(result), result.checked) == (Verdict.UNKNOWN, 4, 0)
    tree.broken = None
    assert rules(check_tree(tree, environment="dev", caches=caches)) == []


def test_a_large_object_that_breaks_off_is_not_taken_for_a_short_file(repository: Repository) -> None:
    class Cut(WorkingTree):
        """As git gives large objects out: without a size, and perhaps not to the end."""

        def entries(self) -> dict[str, Entry]:
            return {path: Entry(path, e.kind, -1, e.identity) for path, e in super().entries().items()}

        @contextmanager
        def open(self, path: str) -> Iterator[BinaryIO]:
            with super().open(path) as stream:
                yield io.BytesIO(stream.read()[:100]) if path.endswith("big.safetensors") else stream

    repository.write(f"{artifact('support-bot', '1')}/big.safetensors", b"\0" * (9 << 20))
    repository.reseal("support-bot", "1")
    result = check_tree(Cut(repository.root), environment="production")
    assert [(f.rule, f.evaluated) for f in result.findings] == [("artifact-unreachable", False)]


def test_a_recipe_that_cannot_be_read_is_not_passed_over(repository: Repository) -> None:
    class Locked(WorkingTree):
        def read(self, path: str, *, limit: int) -> bytes:
            if "/recipes/3" in path:
                raise ArtifactUnreachable("locked")
            return super().read(path, limit=limit)

    result = check_tree(Locked(repository.root), environment="dev")
    assert [(f.rule, f.evaluated) for f in result.findings] == [("recipe-digest-mismatch", False)]


def test_facts_can_be_gathered_for_single_revisions(repository: Repository) -> None:
    tree = WorkingTree(repository.root)
    facts = gather(tree, read_snapshot(tree), only={RevisionId("support-bot", "2")})
    assert set(facts.artifacts) == {RevisionId("support-bot", "2")} == set(facts.revisions)
    assert set(facts.digests) == {"adapters/support-bot/recipes/2.yaml"}


def test_the_checker_starts_without_the_libraries_of_models() -> None:
    program = (
        "import sys; import interlock.checking.checker; "
        "print(sorted({'torch', 'transformers', 'peft', 'numpy', 'httpx', 'rich'} & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
