"""`interlock audit`: what an auditor and an operator are told, and with which exit status."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Outcome, interlock
from support.repositories import Repository, git_repository, manifest

START = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository in which nothing is protected, with three changes in dev, a day apart."""
    repository = git_repository(tmp_path / "repository")
    repository.git("commit", "--quiet", "--amend", "--no-edit", at=START)
    for number, active in enumerate(("2", "3", "2"), start=1):
        repository.point("dev", "support-bot", active=active)
        repository.commit(f"serve {active}", at=START + dt.timedelta(days=number))
    return repository


def audit(repository: Repository | Path, *words: str) -> Outcome:
    root = repository.root if isinstance(repository, Repository) else repository
    return interlock("audit", "-C", root, *words)


def document(repository: Repository | Path, *words: str) -> dict[str, Any]:
    return audit(repository, "--format", "json", *words).document


def break_a_record(repository: Repository) -> str:
    repository.change(manifest("support-bot", "1"), "license", to="mit")
    return repository.commit("change a record", at=START + dt.timedelta(days=9))


def test_a_history_without_a_flaw_ends_with_0(repository: Repository) -> None:
    outcome = audit(repository)
    assert outcome.status == 0
    assert "4 commits (2 promotion, 2 rollback), 0 not allowed" in outcome.out


def test_a_commit_that_would_not_have_been_allowed_is_told_with_its_reason_and_ends_with_1(
    repository: Repository,
) -> None:
    bad = break_a_record(repository)
    outcome = audit(repository)
    assert outcome.status == 1
    assert f"{bad[:12]}  2026-11-10 09:00:00 UTC (committer)  record: NOT ALLOWED" in outcome.out
    assert "was merged before and is different now [record-changed, error]" in outcome.out


def test_the_document_names_every_commit_with_its_verdict_and_who_did_it(repository: Repository) -> None:
    bad = break_a_record(repository)
    found = document(repository)
    assert found["schema"] == "interlock-audit/1"
    assert found["verdict"] == "not-allowed"
    assert found["not_allowed"] == [bad]
    assert [commit["kind"] for commit in found["commits"]] == [*["promotion"] * 2, *["rollback"] * 2, "record"]
    last = found["commits"][-1]
    assert last["activated_by"] == {
        "name": None,
        "machine": False,
        "key": None,
        "not_proven": "it is not signed",
        "claimed": "Alice <alice@example.com>",
    }


def test_only_commits_after_a_commit_or_a_time_are_told_and_all_are_replayed(repository: Repository) -> None:
    start = repository.git("rev-parse", "HEAD~1")
    assert len(document(repository, "--since", start)["commits"]) == 1
    assert len(document(repository, "--since", "2026-11-03")["commits"]) == 2
    assert document(repository, "--since", start)["commits"][0]["kind"] == "rollback"


def test_only_commits_about_one_environment_are_told(repository: Repository) -> None:
    break_a_record(repository)
    found = document(repository, "--env", "dev")
    assert {tuple(commit["environments"]) for commit in found["commits"][1:]} == {("dev",)}
    assert audit(repository, "--env", "production").status == 0


@pytest.mark.parametrize(
    ("time", "active"),
    [
        ("2026-11-02T08:59:59Z", "active 3"),
        ("2026-11-02T10:00:00+01:00", "active 2"),
        ("2026-11-03T12:00:00", "active 3"),
        ("2027-01-01", "active 2"),
    ],
)
def test_what_an_environment_was_told_at_a_time(repository: Repository, time: str, active: str) -> None:
    told = {(one["environment"], one["adapter"]): one for one in document(repository, "--at", time)["told"]}
    assert told["dev", "support-bot"]["told"] == [active]
    assert told["dev", "support-bot"]["time_from"] == "committer"
    assert active in audit(repository, "--at", time).out


def test_before_the_first_commit_nothing_was_told(repository: Repository) -> None:
    outcome = audit(repository, "--at", "2020-01-01")
    assert outcome.status == 0
    assert "nothing: no commit of the branch is that old" in outcome.out


def test_a_bare_clone_is_enough(repository: Repository, tmp_path: Path) -> None:
    bad = break_a_record(repository)
    subprocess.run(["git", "clone", "--quiet", "--bare", repository.root, tmp_path / "bare.git"], check=True)
    assert document(tmp_path / "bare.git")["not_allowed"] == [bad]


def test_a_shallow_clone_cannot_be_judged_and_says_so(repository: Repository, tmp_path: Path) -> None:
    address = repository.root.as_uri()
    subprocess.run(["git", "clone", "--quiet", "--depth", "2", address, tmp_path / "shallow"], check=True)
    outcome = audit(tmp_path / "shallow")
    assert outcome.status == 4
    assert "shallow clone" in outcome.err
    assert "git fetch --unshallow" in outcome.err


@pytest.mark.parametrize("words", [("--at", "yesterday"), ("--env", "No Such"), ("--format", "xml")])
def test_what_cannot_be_understood_is_wrong_use(repository: Repository, words: tuple[str, ...]) -> None:
    assert audit(repository, *words).status == 2


def test_a_revision_that_is_not_there_could_not_be_evaluated(repository: Repository) -> None:
    assert audit(repository, "no-such-branch").status == 4
    assert audit(repository, "--since", "no-such-commit").status == 4


def test_a_commit_beside_the_branch_is_no_place_to_begin(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "side", "HEAD~1")
    repository.write("README.md", "1")
    side = repository.commit("side", at=START)
    repository.git("checkout", "--quiet", "main")
    assert audit(repository, "--since", side).status == 2


def test_an_option_is_no_revision(repository: Repository) -> None:
    assert audit(repository, "--", "--output=/tmp/x").status == 4


def test_nothing_that_a_commit_says_reaches_the_terminal_as_it_is(repository: Repository) -> None:
    raw = repository.git("cat-file", "commit", break_a_record(repository))
    forged = raw.replace("committer Alice", "committer Eve\x1b[31m\u202e").encode() + b"\n"
    words = ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    made = subprocess.run(words, cwd=repository.root, input=forged, capture_output=True, check=True).stdout.decode()
    repository.git("update-ref", "refs/heads/main", made.strip())
    repository.write("environments/dev/pointers/a\x1b]0;b.yaml", "kind: Pointer\n")
    repository.commit("strange", at=START)
    out = audit(repository, "--all").out
    assert "claimed: Eve\\x1b[31m\\u202e <alice@example.com>" in out
    assert "\x1b" not in out
