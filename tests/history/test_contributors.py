"""Everybody whom commits name, along all parents, as the bytes of the commits say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import HistoryError
from interlock.history.contributors import Hand, contributors_between, contributors_of_paths, hands_of
from interlock.history.git_command import Git
from support.repositories import Repository

COMMIT = "a" * 40
RAW = (
    b"tree 7777777777777777777777777777777777777777\n"
    b"author Erin <erin@example.com> 1700000000 +0000\n"
    b"committer Frank <frank@example.com> 1700000000 +0000\n\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch", "main")
    return made


def commit(repository: Repository, who: str, path: str, message: str = "Change") -> str:
    repository.write(path, f"by {who} {message}\n")
    return repository.commit(message, who=who)


def emails(hands: list[Hand]) -> list[str]:
    return sorted({hand.email for hand in hands})


def test_author_committer_and_trailers_are_hands() -> None:
    message = b"Subject\n\nText.\n\nCo-authored-by: Bob <bob@example.com>\nSuggested-by: Carol <carol@example.com>\n"
    assert hands_of(COMMIT, RAW + message) == [
        Hand(COMMIT, "author", "Erin", "erin@example.com"),
        Hand(COMMIT, "committer", "Frank", "frank@example.com"),
        Hand(COMMIT, "co-author", "Bob", "bob@example.com"),
        Hand(COMMIT, "suggester", "Carol", "carol@example.com"),
    ]


@pytest.mark.parametrize("value", [b"bob", b"", b"Bob <bob@example.com", b"Bob <a@b> <c@d>", b"Bob <\xff@example.com>"])
def test_a_trailer_that_cannot_be_read_is_somebody(value: bytes) -> None:
    (found,) = (hand for hand in hands_of(COMMIT, RAW + b"x\n\nCo-authored-by: " + value) if hand.how == "co-author")
    assert found.email == ""


def test_text_that_only_speaks_of_trailers_names_nobody() -> None:
    message = b"Explain Co-authored-by: lines\n\nA line about co-authors: none.\nReviewed-by: Bob <bob@example.com>\n"
    assert emails(hands_of(COMMIT, RAW + message)) == ["erin@example.com", "frank@example.com"]


def test_a_name_in_another_encoding_is_shown_and_its_address_counts() -> None:
    raw = RAW.replace(b"Erin <", b"Er\xefn <").replace(b"\n\n", b"\nencoding ISO-8859-1\n\n")
    author = hands_of(COMMIT, raw)[0]
    assert (author.name, author.email) == ("Er\\xefn", "erin@example.com")


def test_more_names_than_can_be_true_are_refused() -> None:
    trailers = b"".join(b"Co-authored-by: P <p%d@example.com>\n" % n for n in range(2000))
    with pytest.raises(HistoryError, match="does not say who made it"):
        hands_of(COMMIT, RAW + trailers)


def test_a_long_message_without_trailers_is_read_in_no_time() -> None:
    assert len(hands_of(COMMIT, RAW + b"\n" * 2_000_000 + b" :" * 500_000)) == 2


def test_every_parent_counts_and_nothing_that_was_there_before(repository: Repository) -> None:
    commit(repository, "zoe", "a.txt")
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "side")
    commit(repository, "bob", "b.txt")
    repository.git("checkout", "--quiet", "-b", "deeper", base)
    commit(repository, "carol", "c.txt")
    repository.git("checkout", "--quiet", "side")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", "deeper", who="dave")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", "side", who="erin")
    git, head = Git(repository.root), repository.git("rev-parse", "HEAD")
    wanted = [f"{name}@example.com" for name in ("bob", "carol", "dave", "erin")]
    assert emails(contributors_between(git, base, head)) == wanted
    assert emails(contributors_between(git, None, head)) == [*wanted, "zoe@example.com"]
    assert contributors_between(git, head, head) == []


def test_whoever_made_something_of_a_path_is_found_on_every_branch_of_its_history(repository: Repository) -> None:
    commit(repository, "zoe", "adapters/a.yaml")
    repository.git("checkout", "--quiet", "-b", "side")
    commit(repository, "bob", "adapters/a.yaml", "Second")
    commit(repository, "carol", "other.txt")
    repository.git("checkout", "--quiet", "main")
    commit(repository, "dave", "adapters/a.yaml", "Third")
    repository.git("merge", "--quiet", "--no-ff", "--strategy", "ours", "-m", "Merge", "side", who="erin")
    git, head = Git(repository.root), repository.git("rev-parse", "HEAD")
    found = contributors_of_paths(git, head, ["adapters/a.yaml"])
    assert emails(found) == ["bob@example.com", "dave@example.com", "zoe@example.com"], "erin took what was there"
    assert contributors_of_paths(git, head, ["adapters/*.yaml"]) == [], "a path is no pattern"
    assert contributors_of_paths(git, head, []) == []


def test_whoever_hides_something_in_a_merge_made_it(repository: Repository) -> None:
    commit(repository, "zoe", "adapters/a.yaml")
    commit(repository, "zoe", "adapters/b.yaml")
    repository.git("checkout", "--quiet", "-b", "side")
    commit(repository, "bob", "adapters/b.yaml", "Second")
    repository.git("checkout", "--quiet", "main")
    commit(repository, "dave", "other.txt")
    repository.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    commit(repository, "mallory", "adapters/a.yaml", "Merge")
    git, head = Git(repository.root), repository.git("rev-parse", "HEAD")
    assert emails(contributors_of_paths(git, head, ["adapters/a.yaml"])) == ["mallory@example.com", "zoe@example.com"]
    assert emails(contributors_of_paths(git, head, ["adapters/b.yaml"])) == ["bob@example.com", "zoe@example.com"]


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    commit(repository, "zoe", "a.txt")
    head = commit(repository, "bob", "a.txt", "Second")
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.root}", str(tmp_path / "shallow"))
    with pytest.raises(HistoryError, match="shallow clone"):
        contributors_of_paths(Git(tmp_path / "shallow"), head, ["a.txt"])


def test_a_commit_that_is_not_here_is_refused(repository: Repository) -> None:
    commit(repository, "zoe", "a.txt")
    with pytest.raises(HistoryError):
        contributors_between(Git(repository.root), None, "f" * 40)
