"""docs/ci.md: its YAML is valid where it is meant to go, and its shell lines judge a real change."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ci.test_pull_request import PullRequest, propose
from support.hooked_repository import HookedRepository
from support.living_example import REPOSITORY
from support.repositories import Repository
from support.workflows import read_yaml_text, run_script

PAGE = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """The blocks of code of the page, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def block(language: str, word: str) -> str:
    (found,) = [text for text in blocks(language) if word in text]
    return found


def gitlab_job() -> Mapping[str, Any]:
    job: Mapping[str, Any] = read_yaml_text(block("yaml", "merge_request_event"))["interlock"]
    return job


def valid(kind: str, text: str, directory: Path) -> None:
    (directory / "block.yml").write_text(text, encoding="utf-8")
    finished = subprocess.run(
        [PROGRAMS / "check-jsonschema", "--builtin-schema", f"vendor.{kind}", directory / "block.yml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout


def test_every_block_of_yaml_can_be_read() -> None:
    assert len(blocks("yaml")) == 5
    assert all(read_yaml_text(text) for text in blocks("yaml"))


def test_the_gitlab_files_are_valid(tmp_path: Path) -> None:
    for word in ("merge_request_event", "more-jobs"):
        valid("gitlab-ci", block("yaml", word), tmp_path)


def test_the_forgejo_workflow_is_valid(tmp_path: Path) -> None:
    valid("github-workflows", block("yaml", "runs-on: docker"), tmp_path)


def test_the_step_for_other_repositories_is_a_step(tmp_path: Path) -> None:
    (step,) = read_yaml_text(block("yaml", "- name: Install the checker\n  run"))
    assert "${{" not in step["run"]
    names = set(re.findall(r"\$([A-Z_]+)", step["run"]))
    assert names == set(step["env"])


def test_the_configuration_of_pre_commit_is_valid_and_names_a_hook_that_there_is(tmp_path: Path) -> None:
    hooked = HookedRepository.begin(tmp_path)
    text = block("yaml", "repos:")
    hooked.repository.write(".pre-commit-config.yaml", text)
    hooked.ok("pre-commit", "validate-config", ".pre-commit-config.yaml")
    named = read_yaml_text(text)["repos"][0]["hooks"][0]["id"]
    hooks = read_yaml_text((REPOSITORY / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert named in {hook["id"] for hook in hooks}


def merge_request(directory: Path, active: str) -> PullRequest:
    """The checkout that GitLab's runner makes: the commit of the merge request, detached, with the remote `origin`."""
    change = propose(directory, active)
    git = Repository(change.checkout).git
    git("fetch", "--quiet", "origin", "refs/pull/1/head")
    git("checkout", "--quiet", "--detach", change.head)
    git("branch", "--quiet", "--delete", "--force", "main")
    return change


@pytest.mark.parametrize(("active", "status"), [("2", 0), ("9", 1)])
def test_the_script_of_the_gitlab_job_judges_a_merge_request(active: str, status: int, tmp_path: Path) -> None:
    change = merge_request(tmp_path, active)
    job = gitlab_job()
    script = "\n".join(job["script"])
    finished = run_script(
        script, change.checkout, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main", CI_COMMIT_SHA=change.head
    )
    assert finished.returncode == status, finished.stdout
    assert ("[dangling-pointer]" in finished.stdout) == bool(status)
    assert [path for path in job["artifacts"]["paths"] if not (change.checkout / path).is_file()] == []
    assert job["artifacts"]["reports"]["junit"] in job["artifacts"]["paths"]


def test_a_link_of_the_merge_request_is_not_written_through(tmp_path: Path) -> None:
    change = merge_request(tmp_path, "2")
    (tmp_path / "elsewhere").write_text("as it was")
    (change.checkout / "interlock.xml").symlink_to(tmp_path / "elsewhere")
    script = "\n".join(gitlab_job()["script"])
    finished = run_script(
        script, change.checkout, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main", CI_COMMIT_SHA=change.head
    )
    assert finished.returncode == 2, finished.stdout
    assert (tmp_path / "elsewhere").read_text() == "as it was"


def test_a_shallow_merge_request_is_not_passed(tmp_path: Path) -> None:
    """Where somebody forgets `GIT_DEPTH: "0"`."""
    change = propose(tmp_path, "9")
    Repository(tmp_path).git("clone", "--quiet", "--depth", "1", f"file://{tmp_path}/remote", "shallow")
    Repository(tmp_path / "shallow").git("fetch", "--quiet", "--depth", "1", "origin", change.head)
    finished = run_script(
        "\n".join(gitlab_job()["script"]), tmp_path / "shallow",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main", CI_COMMIT_SHA=change.head,
    )  # fmt: skip
    assert finished.returncode in (1, 4), finished.stdout


def test_the_scripts_of_the_forgejo_workflow_judge_a_change(tmp_path: Path) -> None:
    change = propose(tmp_path, "9")
    remote = Repository(tmp_path / "remote")
    remote.write(".github/fetch-change", (REPOSITORY / ".github" / "fetch-change").read_bytes())
    (remote.root / ".github" / "fetch-change").chmod(0o755)
    remote.commit("Take the script over")
    steps = read_yaml_text(block("yaml", "runs-on: docker"))["jobs"]["conclusion"]["steps"]
    statuses = {}
    for step in steps:
        if step["name"] != "Install the checker":  # that needs a network
            where = tmp_path / step.get("working-directory", ".")
            ran = run_script(step["run"], where, **change.environment, REMOTE=f"file://{remote.root}")
            statuses[step["name"]] = ran.returncode
    assert statuses == {"Clone the target branch": 0, "Fetch the change": 0, "Check what merging gives": 1}


def test_the_line_for_any_other_build_server_judges_a_change(tmp_path: Path) -> None:
    change = propose(tmp_path, "9")
    git = Repository(change.checkout).git
    git("fetch", "--quiet", "origin", "refs/pull/1/head")
    git("checkout", "--quiet", "--detach", change.head)
    assert run_script(block("sh", "origin/main"), change.checkout).returncode == 1
    assert (change.checkout / "interlock.xml").is_file()
