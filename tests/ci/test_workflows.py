"""The workflows: pinned, with least rights, nothing of a pull request run with rights, and no silent success."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.living_example import REPOSITORY
from support.workflows import FOLDER, Workflow, run_script, workflow, workflows

ALL = [pytest.param(one, id=one.name) for one in workflows()]
WITH_RIGHTS = {"pull_request_target", "workflow_run"}
UNTRUSTED = re.compile(r"\$\{\{")
PROGRAMS = Path(sys.executable).parent
VERSION = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v(?P<version>\d+\.\d+\.\d+)$")


def test_there_are_the_four_that_the_pages_describe() -> None:
    assert {one.name for one in workflows()} == {"check.yml", "plan.yml", "ci.yml", "attest.yml"}


@pytest.mark.parametrize("one", ALL)
def test_every_action_is_pinned_by_commit_with_its_version(one: Workflow) -> None:
    text = (FOLDER / one.name).read_text(encoding="utf-8")
    lines = re.findall(r"^[ -]*uses:.*$", text, flags=re.MULTILINE)
    assert lines
    assert [line for line in lines if not VERSION.search(line)] == []


def test_one_action_has_one_version_everywhere() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for path in FOLDER.iterdir():
        for match in filter(None, map(VERSION.search, path.read_text().splitlines())):
            found.setdefault(match["action"], set()).add((match["commit"], match["version"]))
    assert {action for action, pins in found.items() if len(pins) != 1} == set()


@pytest.mark.parametrize("one", ALL)
def test_every_job_says_which_rights_it_needs_and_ends(one: Workflow) -> None:
    assert one.value["permissions"] == {}
    for job in one.jobs.values():
        assert isinstance(job["permissions"], Mapping)
        assert 0 < job["timeout-minutes"] <= 60


ALLOWED = {
    ("check.yml", "interlock"): {"contents": "read", "security-events": "write"},
    ("check.yml", "conclusion"): {},
    ("plan.yml", "judge"): {"contents": "read"},
    ("plan.yml", "comment"): {"pull-requests": "write"},
    ("attest.yml", "attest"): {"contents": "write", "pull-requests": "read"},
    ("ci.yml", "tests"): {"contents": "read"},
    ("ci.yml", "conclusion"): {},
}


def test_the_rights_are_these_and_no_others() -> None:
    """Whoever adds a right says so here too."""
    assert {(one.name, job): value["permissions"] for one in workflows() for job, value in one.jobs.items()} == ALLOWED


@pytest.mark.parametrize("one", ALL)
def test_no_checkout_leaves_the_token_behind(one: Workflow) -> None:
    for _, step in one.steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("one", ALL)
def test_no_script_is_written_by_an_expression(one: Workflow) -> None:
    """Values come through the environment, where no shell reads them."""
    for _, step in one.steps():
        assert not UNTRUSTED.search(step.get("run", ""))
        assert "github-script" not in step.get("uses", "")


@pytest.mark.parametrize("name", ["check.yml", "plan.yml"])
def test_what_is_checked_out_is_the_target_branch(name: str) -> None:
    for _, step in workflow(name).steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["ref"].startswith("${{ github.event.pull_request.base.sha ")
            assert "head" not in step["with"]["ref"]
            assert "repository" not in step["with"]


@pytest.mark.parametrize("one", ALL)
def test_with_rights_nothing_of_the_change_is_checked_out_or_run(one: Workflow) -> None:
    if not one.triggers & WITH_RIGHTS:
        return
    for job, step in one.steps():
        script = step.get("run", "")
        assert not re.search(r"\bgit\b.*\b(checkout|switch|restore|reset|merge|pull|worktree|archive)\b", script)
        if re.search(r"\b(pip|make|python|interlock check|\.ci/run)\b", script):
            assert ALLOWED[one.name, job] == {"contents": "read"}, "what reads the change has no right to write"
    assert "secrets" not in json.dumps(one.jobs)


def test_only_one_workflow_runs_with_rights() -> None:
    assert [one.name for one in workflows() if one.triggers & WITH_RIGHTS] == ["plan.yml"]


@pytest.mark.parametrize("name", ["check.yml", "ci.yml"])
def test_the_conclusion_waits_for_every_other_job_and_always_runs(name: str) -> None:
    jobs = workflow(name).jobs
    assert set(jobs["conclusion"]["needs"]) == set(jobs) - {"conclusion"}
    assert jobs["conclusion"]["if"] == "always()"
    assert "continue-on-error" not in json.dumps([jobs[job].get("continue-on-error") for job in jobs])


@pytest.mark.parametrize("name", ["check.yml", "ci.yml"])
@pytest.mark.parametrize(
    ("results", "status"),
    [
        (["success"], 0),
        (["success", "success"], 0),
        (["skipped"], 1),
        (["cancelled"], 1),
        (["failure"], 1),
        (["success", "skipped"], 1),
        ([], 1),
    ],
)
def test_the_conclusion_counts_only_success(name: str, results: list[str], status: int, tmp_path: Path) -> None:
    script = workflow(name).script("Every job must have succeeded; skipped and cancelled are no success")
    needs = {f"job{number}": {"result": result, "outputs": {}} for number, result in enumerate(results)}
    assert run_script(script, tmp_path, NEEDS=json.dumps(needs)).returncode == status


def test_ci_runs_what_the_project_calls_its_tests() -> None:
    assert next(step["run"] for _, step in workflow("ci.yml").steps() if "run" in step) == ".ci/run"
    assert (REPOSITORY / ".ci" / "run").is_file()


def linted(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / "zizmor", "--offline", "--no-progress", "--persona=pedantic", "--no-config", *paths],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_linter_for_workflows_finds_nothing() -> None:
    finished = linted(FOLDER)
    assert finished.returncode == 0, finished.stdout


def test_that_linter_can_find_something(tmp_path: Path) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    text = (FOLDER / "check.yml").read_text().replace("@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6")
    (tmp_path / ".github" / "workflows" / "check.yml").write_text(text)
    assert linted(tmp_path / ".github" / "workflows" / "check.yml").returncode != 0


def schema_errors(kind: str, *paths: Path) -> str:
    finished = subprocess.run(
        [PROGRAMS / "check-jsonschema", "--builtin-schema", f"vendor.{kind}", *paths],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return "" if finished.returncode == 0 else finished.stdout + finished.stderr


def test_they_are_valid_by_the_schema_of_workflows(tmp_path: Path) -> None:
    assert schema_errors("github-workflows", *FOLDER.iterdir()) == ""
    (tmp_path / "bad.yml").write_text((FOLDER / "ci.yml").read_text().replace("runs-on:", "runs-om:"))
    assert schema_errors("github-workflows", tmp_path / "bad.yml")


def test_the_values_that_scripts_use_are_given_to_them() -> None:
    """A name that nobody sets is empty in a shell, and an empty name must not pass for a value."""
    given_by_the_runner = {"RUNNER_TEMP"}
    for one in workflows():
        for job, step in one.steps():
            used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", step.get("run", "")))
            environment: dict[str, Any] = {**one.jobs[job].get("env", {}), **step.get("env", {})}
            assert used <= set(environment) | given_by_the_runner, f"{one.name}: {step.get('name')}"
