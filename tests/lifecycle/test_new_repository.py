"""`interlock init` below the command line: what is written, and that nothing is half-written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from interlock.checking.checker import check_tree, exit_code
from interlock.documents.tree import WorkingTree
from interlock.errors import InterlockError
from interlock.lifecycle.new_repository import ENVIRONMENTS, lay_out, template


def files_below(directory: Path) -> set[str]:
    paths = (path for path in directory.rglob("*") if ".git" not in path.relative_to(directory).parts)
    return {path.relative_to(directory).as_posix() for path in paths if path.is_file()}


def test_a_new_repository_is_clean_to_the_checker(tmp_path: Path) -> None:
    lay_out(tmp_path / "new")
    result = check_tree(WorkingTree(tmp_path / "new"))
    assert exit_code(result) == 0, result.findings
    assert set(result.snapshot.environments) == set(ENVIRONMENTS)
    assert result.snapshot.roster
    assert result.snapshot.revocations
    assert result.snapshot.waivers
    assert set(result.snapshot.policies) == {"production"}


def test_everything_of_the_template_is_written(tmp_path: Path) -> None:
    made = lay_out(tmp_path / "new")
    assert files_below(tmp_path / "new") == set(template()) == set(made.written)
    assert {"adapters/.gitkeep", "bases/.gitkeep", ".gitattributes"} <= set(made.written)


def test_a_new_directory_becomes_a_git_repository_on_main(tmp_path: Path) -> None:
    assert lay_out(tmp_path / "new").git_created
    head = (tmp_path / "new" / ".git" / "HEAD").read_text()
    assert head == "ref: refs/heads/main\n"


def test_a_directory_inside_a_git_repository_keeps_that_one(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert not lay_out(tmp_path / "inside").git_created
    assert not (tmp_path / "inside" / ".git").exists()


def test_git_converts_no_line_endings_of_artifacts(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = "artifacts/support-bot@1-0123456789ab/adapter_config.json"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(b'{"r": 8}\r\n')
    git = ["git", "-C", str(tmp_path), "-c", "core.autocrlf=input"]
    subprocess.run([*git, "add", path], check=True)
    assert subprocess.run([*git, "show", f":{path}"], check=True, capture_output=True).stdout == b'{"r": 8}\r\n'


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "roster.yaml").write_text("mine")
    with pytest.raises(InterlockError, match=r"already holds policies/roster\.yaml"):
        lay_out(tmp_path)
    assert files_below(tmp_path) == {"policies/roster.yaml"}


def test_a_readme_and_git_settings_that_are_there_stay(tmp_path: Path) -> None:
    for name in ("README.md", ".gitignore", ".gitattributes"):
        (tmp_path / name).write_text("mine")
    made = lay_out(tmp_path)
    assert made.left == ("README.md", ".gitignore", ".gitattributes")
    assert (tmp_path / "README.md").read_text() == "mine"
    assert "artifacts/** -text" in made.attributes


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InterlockError, match="is a file"):
        lay_out(tmp_path / "taken")


def test_nothing_is_left_when_a_file_cannot_be_written(tmp_path: Path) -> None:
    """`policies` is a file here, so writing stops in the middle."""
    (tmp_path / "policies").write_text("a file where a folder belongs")
    with pytest.raises(OSError, match="policies"):
        lay_out(tmp_path)
    assert files_below(tmp_path) == {"policies"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policies"]
