"""`interlock check`: exit statuses, formats, where it looks, and how fast it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.command_line import interlock, interlock_process
from support.repositories import Repository, artifact, environment, manifest


def test_a_clean_repository_exits_with_0(repository: Repository) -> None:
    outcome = interlock("check", repository.root)
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1].endswith("PASS")


def test_a_blocking_finding_exits_with_1_and_shows_the_line(repository: Repository) -> None:
    repository.change(environment("dev"), "engine", "max_loras", to=0)
    outcome = interlock("check", repository.root)
    assert outcome.status == 1
    assert f"{environment('dev')}:" in outcome.out
    assert "Next:" in outcome.out
    assert outcome.out.endswith("interlock explain invalid-value\n")
    assert interlock("explain", "invalid-value").status == 0


def test_what_cannot_be_evaluated_exits_with_4(repository: Repository) -> None:
    repository.change(manifest("support-bot", "3"), "artifact", "uri", to="s3://elsewhere/bot")
    outcome = interlock("check", repository.root, "--format", "json")
    assert outcome.status == 4
    assert outcome.document["verdict"] == "could-not-evaluate"


def test_nothing_to_check_exits_with_3(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    outcome = interlock("check", tmp_path)
    assert outcome.status == 3
    assert "NOTHING WAS CHECKED" in outcome.out


def test_a_path_outside_of_any_repository_is_wrong_use(tmp_path: Path) -> None:
    outcome = interlock("check", tmp_path)
    assert outcome.status == 2
    assert "interlock init" in outcome.err


def test_a_path_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    outcome = interlock("check", tmp_path / "nothing")
    assert outcome.status == 2
    assert "does not exist" in outcome.err


def test_the_repository_is_found_from_any_folder_in_it(repository: Repository) -> None:
    outcome = interlock_process("check", cwd=repository.root / "environments" / "dev" / "pointers")
    assert outcome.status == 0, outcome.err
    assert "4 adapter revisions" in outcome.out


def test_a_tree_inside_another_repository_is_its_own(tmp_path: Path, repository: Repository) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    repository.remove(".git")
    outcome = interlock("check", repository.root / "adapters", "--format", "json")
    assert outcome.document["tree"] == str(repository.root)


def test_one_environment_is_judged_by_what_it_serves(repository: Repository) -> None:
    repository.remove(artifact("support-bot", "3"))
    assert interlock("check", repository.root, "--env", "production").status == 0
    assert interlock("check", repository.root, "--env", "dev").status == 1


def test_a_deep_check_reads_the_values(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "3", nan=True)
    assert interlock("check", repository.root).status == 0
    outcome = interlock("check", repository.root, "--deep")
    assert outcome.status == 1
    assert "NaN" in outcome.out


def test_json_is_one_document_even_when_there_are_findings(repository: Repository) -> None:
    repository.write("environments/dev/pointers/support-bot.yaml", "kind: Pointer\n")
    outcome = interlock("check", repository.root, "--format", "json")
    assert outcome.status == 1
    assert outcome.document["schema"] == "interlock-check/1"
    assert outcome.err == ""


def test_a_new_repository_passes_and_says_what_comes_next(tmp_path: Path) -> None:
    assert interlock("init", tmp_path / "new").status == 0
    outcome = interlock("check", tmp_path / "new")
    assert outcome.status == 0
    assert "There is no base model here yet" in outcome.out


def test_a_repository_without_adapters_says_how_to_register_one(repository: Repository) -> None:
    for folder in ("adapters", "environments/dev/pointers", "environments/staging/pointers"):
        repository.remove(folder)
    repository.remove("environments/production/pointers")
    outcome = interlock("check", repository.root)
    assert outcome.status == 0, outcome.out
    assert "There is no adapter here yet" in outcome.out


def test_a_small_repository_is_checked_quickly(repository: Repository) -> None:
    """Three times a bare `import pydantic` plus half a second, in processor time: test machines are shared."""
    bare = _cheapest([sys.executable, "-c", "import pydantic"], attempts=3)
    ours = _cheapest([sys.executable, "-m", "interlock.cli.main", "check", str(repository.root)], attempts=3)
    assert ours <= 3 * bare + 0.5, f"{ours:.2f} s; a bare import takes {bare:.2f} s"


def _cheapest(command: list[str], *, attempts: int) -> float:
    """Processor seconds of the cheapest of several runs."""
    taken = []
    for _ in range(attempts):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(taken)
