"""The scripts of the workflows, run on a real pull request: fetched as objects, judged, never checked out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from interlock.findings.markdown_page import MARKER
from support.git_remotes import served_over_http
from support.github_runner import obeyed
from support.living_example import REPOSITORY
from support.repositories import Repository, git_repository
from support.workflows import run_script, workflow

FETCH = (REPOSITORY / ".github" / "fetch-change").read_text(encoding="utf-8")
CHECK = workflow("check.yml").script("Check what merging gives")
PAGE = workflow("plan.yml").script("Write the page")
POST = workflow("plan.yml").script("Post the comment, or renew ours")


@dataclass(frozen=True)
class PullRequest:
    """A remote that has the pull request's commit, and a checkout of its target branch alone."""

    checkout: Path
    base: str
    head: str

    @property
    def environment(self) -> dict[str, str]:
        """What the workflow gives to its scripts."""
        return {"BASE_SHA": self.base, "HEAD_SHA": self.head, "PYTHONPATH": str(REPOSITORY / "tools")}


def propose(directory: Path, active: str, **hostile: str) -> PullRequest:
    """`support-bot` in dev moves to another revision; `hostile` files lie at the top of the change."""
    remote = git_repository(directory / "remote")
    base = remote.git("rev-parse", "HEAD")
    remote.git("checkout", "--quiet", "--detach")
    remote.point("dev", "support-bot", active=active)
    for name, text in hostile.items():
        remote.write(name, text)
    head = remote.commit("Propose")
    remote.git("update-ref", "refs/pull/1/head", head)
    remote.git("checkout", "--quiet", "main")
    Repository(directory).git("clone", "--quiet", "--branch", "main", f"file://{remote.root}", "checkout")
    return PullRequest(directory / "checkout", base, head)


def test_the_change_arrives_as_objects_and_nothing_of_it_is_checked_out(tmp_path: Path) -> None:
    change = propose(tmp_path, "2", Makefile="all:\n\ttouch owned\n")
    git = Repository(change.checkout).git
    fetched = run_script(FETCH, change.checkout, **change.environment)
    assert fetched.returncode == 0, fetched.stdout
    assert git("cat-file", "-t", change.head) == "commit"
    assert git("rev-parse", "HEAD") == change.base
    assert git("status", "--porcelain") == ""
    assert not (change.checkout / "Makefile").exists()
    assert "refs/pull" not in git("for-each-ref")


def test_the_script_can_be_started() -> None:
    assert (REPOSITORY / ".github" / "fetch-change").stat().st_mode & 0o111


@pytest.mark.parametrize("commit", ["", "main", "--upload-pack=touch owned", "HEAD", "a" * 39, "a" * 40 + "\n--x"])
def test_only_full_commit_ids_reach_git(commit: str, tmp_path: Path) -> None:
    change = propose(tmp_path, "2")
    fetched = run_script(FETCH, change.checkout, BASE_SHA=change.base, HEAD_SHA=commit)
    assert fetched.returncode == 2, fetched.stdout
    assert not (change.checkout / "owned").exists()


def test_a_commit_that_the_remote_does_not_have_stops_the_workflow(tmp_path: Path) -> None:
    change = propose(tmp_path, "2")
    assert run_script(FETCH, change.checkout, BASE_SHA=change.base, HEAD_SHA="a" * 40).returncode not in (0, 2)


def test_the_token_opens_the_remote_and_stays_nowhere(tmp_path: Path) -> None:
    change = propose(tmp_path, "2")
    with served_over_http(tmp_path, token="a-secret-token") as remote:
        Repository(change.checkout).git("remote", "set-url", "origin", f"{remote.address}/remote/.git")
        assert run_script(FETCH, change.checkout, **change.environment).returncode != 0
        fetched = run_script(FETCH, change.checkout, **change.environment, GH_TOKEN="a-secret-token")
    assert fetched.returncode == 0, fetched.stdout
    assert Repository(change.checkout).git("cat-file", "-t", change.head) == "commit"
    assert fetched.stdout == ""
    assert "a-secret-token" not in (change.checkout / ".git" / "config").read_text(encoding="utf-8")


@pytest.mark.parametrize(("active", "status"), [("2", 0), ("9", 1)])
def test_the_check_judges_the_change_by_the_target_branch(active: str, status: int, tmp_path: Path) -> None:
    change = propose(tmp_path, active)
    assert run_script(FETCH, change.checkout, **change.environment).returncode == 0
    summary = tmp_path / "summary.md"
    checked = run_script(CHECK, change.checkout, **change.environment, GITHUB_STEP_SUMMARY=str(summary))
    assert checked.returncode == status, checked.stdout
    assert [command.name for command in obeyed(checked.stdout)] == ["error"] * status
    sarif = json.loads((change.checkout / "interlock.sarif").read_bytes())
    assert sarif["runs"][0]["invocations"][0]["exitCode"] == status
    assert (change.checkout / "interlock.xml").is_file()
    assert summary.read_text().startswith("### Interlock")


def test_a_policy_of_the_change_does_not_judge_it(tmp_path: Path) -> None:
    waiver = "{rule: dangling-pointer, scope: environments/, approver: alice, reason: x, until: 2999-01-01}"
    waivers = f"kind: Waivers\nwaivers:\n  - {waiver}\n"
    change = propose(tmp_path, "9", **{"policies/waivers.yaml": waivers})
    assert run_script(FETCH, change.checkout, **change.environment).returncode == 0
    checked = run_script(CHECK, change.checkout, **change.environment)
    assert checked.returncode == 1
    assert "error dangling-pointer: " in checked.stdout


GH = """#!/bin/sh
# Stands in for the program `gh`, which needs the service: notes its arguments, and the file that it would send.
printf '%s\\n' "$@" >> "$NOTES"
case " $* " in
  *" --paginate "*) printf '%s' "$OURS" ;;
  *) cp "${7#body=@}" "$NOTES.body" ;;
esac
"""


def post(directory: Path, page: str, ours: str) -> tuple[list[str], str]:
    """Run the step that posts; returns the arguments of `gh`, and the comment."""
    (directory / "bin").mkdir()
    (directory / "bin" / "gh").write_text(GH)
    (directory / "bin" / "gh").chmod(0o755)
    (directory / "page").mkdir()
    (directory / "page" / "comment.md").write_text(page)
    finished = run_script(
        f'export PATH="{directory}/bin:$PATH"\n{POST}', directory,
        NOTES=str(directory / "notes"), OURS=ours, REPOSITORY="acme/adapters", NUMBER="7", GH_TOKEN="t",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    return (directory / "notes").read_text().splitlines(), (directory / "notes.body").read_text()


REPO = "repos/acme/adapters"
HOSTILE = "# `touch owned` $(touch owned)\n'; touch owned; '\n@/etc/passwd\n"


@pytest.mark.parametrize(
    ("ours", "method", "address"),
    [
        ("", "POST", f"{REPO}/issues/7/comments"),
        ("42\n43\n", "PATCH", f"{REPO}/issues/comments/42"),
    ],
)
def test_one_comment_is_posted_and_then_renewed(ours: str, method: str, address: str, tmp_path: Path) -> None:
    arguments, body = post(tmp_path, HOSTILE, ours)
    assert arguments[-6:] == ["--silent", "--method", method, address, "--field", "body=@page/comment.md"]
    assert body == HOSTILE
    assert not (tmp_path / "owned").exists()


def test_the_page_is_written_also_when_there_are_findings(tmp_path: Path) -> None:
    change = propose(tmp_path, "9")
    assert run_script(FETCH, change.checkout, **change.environment).returncode == 0
    written = run_script(PAGE, change.checkout, **change.environment, RUNNER_TEMP=str(tmp_path))
    assert written.returncode == 0, written.stdout
    (page,) = (tmp_path / "page").iterdir()
    text = page.read_text(encoding="utf-8")
    assert "dangling-pointer" in text
    assert text.startswith(MARKER)
    assert MARKER in POST


@pytest.mark.parametrize("status", [1, 2, 70])
def test_a_checker_that_fails_posts_no_page(status: int, tmp_path: Path) -> None:
    change = propose(tmp_path, "2")
    (tmp_path / "broken" / "interlock").mkdir(parents=True)
    (tmp_path / "broken" / "interlock" / "__init__.py").write_text(f"raise SystemExit({status})\n")
    given = change.environment | {"PYTHONPATH": str(tmp_path / "broken")}
    assert run_script(PAGE, change.checkout, **given, RUNNER_TEMP=str(tmp_path)).returncode == status
