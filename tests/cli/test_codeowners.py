"""`interlock codeowners`: prints, writes and compares, and leaves what people wrote alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Outcome, interlock
from support.repositories import Repository

ROSTER = "policies/roster.yaml"


def run(repository: Repository, *words: str) -> Outcome:
    return interlock("codeowners", *words, "-C", repository.root)


def test_it_prints_what_it_would_write(repository: Repository) -> None:
    printed = run(repository)
    assert printed.status == 0, printed.err
    assert not (repository.root / ".github").exists()
    assert run(repository, "--write").status == 0
    assert (repository.root / ".github/CODEOWNERS").read_text() == printed.out


@pytest.mark.parametrize(
    ("forge", "path"), [("github", ".github/CODEOWNERS"), ("gitlab", ".gitlab/CODEOWNERS"), ("forgejo", "CODEOWNERS")]
)
def test_what_was_written_is_current_until_the_roster_changes(repository: Repository, forge: str, path: str) -> None:
    assert run(repository, "--check", "--forge", forge).status == 1
    assert run(repository, "--write", "--forge", forge, "--teams", "acme").status == 0
    assert (repository.root / path).exists()
    assert run(repository, "--check").out == f"current: {path}\n"
    assert interlock("check", repository.root).status == 0
    repository.change(ROSTER, "people", 0, "login", to="erin")
    outcome = run(repository, "--check")
    assert outcome.status == 1
    assert "@erin" in outcome.out
    assert "codeowners-outdated" in interlock("check", repository.root).out
    assert run(repository, "--write").status == 0
    assert run(repository, "--check").status == 0
    assert "--teams acme" in (repository.root / path).read_text()


def test_a_check_writes_nothing(repository: Repository) -> None:
    assert run(repository, "--check").status == 1
    assert not (repository.root / ".github").exists()


@pytest.mark.parametrize("content", [b"* @bob\n", b"\xff", b""])
@pytest.mark.parametrize("where", ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"])
def test_a_file_that_somebody_wrote_stays(repository: Repository, where: str, content: bytes) -> None:
    repository.write(where, content)
    outcome = run(repository, "--write", "--forge", "gitlab")
    assert outcome.status == 1
    assert where in outcome.err
    assert (repository.root / where).read_bytes() == content


def test_a_file_that_the_forge_does_not_look_at_first_does_no_harm(repository: Repository) -> None:
    repository.write("docs/CODEOWNERS", "* @bob\n")
    assert run(repository, "--write").status == 0


def test_a_link_is_never_written_through(repository: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repository.root / ".github").symlink_to(elsewhere)
    outcome = run(repository, "--write")
    assert outcome.status == 1
    assert "is a link" in outcome.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("path", [ROSTER, "policies/production.yaml", "adapters/support-bot/adapter.yaml"])
def test_a_document_that_cannot_be_read_is_could_not_evaluate(repository: Repository, path: str) -> None:
    repository.write(path, "kind: [\n")
    outcome = run(repository)
    assert outcome.status == 4
    assert path in outcome.err
    assert outcome.out == ""


def test_a_login_that_cannot_stand_there_is_wrong_use(repository: Repository) -> None:
    repository.change(ROSTER, "people", 0, "login", to="alice @eve")
    outcome = run(repository)
    assert outcome.status == 2
    assert "@alice @eve" in outcome.err


@pytest.mark.parametrize("words", [("--teams", "a b"), ("--write", "--check"), ("--forge", "svn")])
def test_wrong_use(repository: Repository, words: tuple[str, ...]) -> None:
    assert run(repository, *words).status == 2
