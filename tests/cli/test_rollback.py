"""`interlock rollback`, over real git histories."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from support.command_line import interlock
from support.repositories import Repository, environment, pointer

DEV = pointer("dev", "support-bot")


def serve(repository: Repository, *revisions: str) -> None:
    """One commit a revision, each on the pointer of dev alone; the repository begins with revision 3 there."""
    for revision in revisions:
        text = (repository.root / DEV).read_text()
        active = repository.read(DEV)["active"]
        repository.write(DEV, text.replace(f'"{active}"', f'"{revision}"').replace(f"'{active}'", f'"{revision}"'))
        repository.git("commit", "--quiet", "--message", f"dev: {revision}", "--", DEV)


@pytest.fixture
def one_two_three(repository: Repository) -> Repository:
    """A repository in which dev served 1, then 2, then 3."""
    repository.point("dev", "support-bot", active="1")
    repository.git("commit", "--quiet", "--amend", "--message", "dev: 1", "--all")
    serve(repository, "2", "3")
    return repository


def rollback(repository: Repository, *words: str) -> tuple[int, dict[str, Any]]:
    outcome = interlock("rollback", "support-bot", "--env", "dev", *words, "--json", "-C", repository.root)
    return outcome.status, outcome.document


def active(repository: Repository) -> str:
    return str(repository.read(DEV)["active"])


def revoke(repository: Repository, revision: str) -> None:
    record = {"adapter": "support-bot", "revision": revision, "reason": "leaks", "date": "2026-11-01", "by": "alice"}
    repository.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": [record]})
    repository.git("commit", "--quiet", "--message", "Revoke", "--", "policies/revocations.yaml")


def test_a_rollback_by_commit_goes_to_the_revision_before(one_two_three: Repository) -> None:
    status, document = rollback(one_two_three, "--commit")
    assert (status, document["previous"], document["active"]) == (0, "3", "2")
    assert active(one_two_three) == "2"
    assert one_two_three.git("show", "--name-only", "--format=%s") == f"rollback: support-bot 2 in dev (was 3)\n\n{DEV}"


def test_a_second_rollback_goes_further_back_and_never_forward(one_two_three: Repository) -> None:
    rollback(one_two_three, "--commit")
    assert rollback(one_two_three, "--commit")[1]["active"] == "1"


def test_after_a_plain_revert_the_next_rollback_goes_further_back(one_two_three: Repository) -> None:
    one_two_three.git("revert", "--no-edit", "HEAD")
    assert rollback(one_two_three, "--commit")[1]["active"] == "1"


def test_a_reverted_revert_counts_as_the_promotion_it_repeats(one_two_three: Repository) -> None:
    one_two_three.git("revert", "--no-edit", "HEAD")
    one_two_three.git("revert", "--no-edit", "HEAD")
    assert active(one_two_three) == "3"
    assert rollback(one_two_three)[1]["active"] == "2"


def test_the_plain_revert_is_printed_and_does_the_same(one_two_three: Repository) -> None:
    head = one_two_three.git("rev-parse", "HEAD")
    outcome = interlock("rollback", "support-bot", "--env", "dev", "-C", one_two_three.root)
    assert outcome.status == 0
    command = f"git revert --no-edit {head[:12]}"
    assert command in outcome.out
    assert one_two_three.git("status", "--short") == ""
    one_two_three.git(*command.split()[1:])
    assert active(one_two_three) == "2"


def test_other_commits_in_between_do_not_matter(one_two_three: Repository) -> None:
    last = one_two_three.git("rev-parse", "HEAD")
    one_two_three.write("adapters/support-bot/notes/later.md", "later")
    one_two_three.commit("Write notes")
    assert rollback(one_two_three)[1]["revert"] == last


def test_without_an_equal_revert_the_pointer_is_edited(one_two_three: Repository) -> None:
    one_two_three.git("revert", "--no-edit", "HEAD")
    status, document = rollback(one_two_three)
    assert (status, document["active"], document["revert"], document["written"]) == (0, "1", None, True)
    assert active(one_two_three) == "1"


def test_a_commit_that_touches_more_than_the_pointer_is_not_offered_for_revert(repository: Repository) -> None:
    repository.point("dev", "support-bot", active="2")
    repository.write("adapters/support-bot/notes/more.md", "more")
    repository.commit("Two things at once")
    status, document = rollback(repository)
    assert (status, document["active"], document["revert"]) == (0, "3", None)


def test_a_merge_is_not_offered_for_revert(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "change")
    serve(repository, "2")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Merge", "change")
    status, document = rollback(repository)
    assert (status, document["active"], document["revert"], document["written"]) == (0, "3", None, True)


def test_a_merged_change_counts_as_one_step(repository: Repository) -> None:
    """On main there was 3, then 1: what a branch tried in between was never served."""
    repository.git("checkout", "--quiet", "-b", "change")
    serve(repository, "2", "1")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Merge", "change")
    assert rollback(repository)[1]["active"] == "3"


def test_a_revoked_revision_is_passed_over(one_two_three: Repository) -> None:
    revoke(one_two_three, "2")
    status, document = rollback(one_two_three)
    assert (status, document["active"], document["passed_over"]) == (0, "1", ["2"])


def test_a_revoked_revision_is_refused_by_name(one_two_three: Repository) -> None:
    revoke(one_two_three, "2")
    outcome = interlock("rollback", "support-bot", "--env", "dev", "--to", "2", "-C", one_two_three.root)
    assert outcome.status == 1
    assert "revoked" in outcome.err


def test_an_older_revision_is_taken_by_name(one_two_three: Repository) -> None:
    status, document = rollback(one_two_three, "--to", "1")
    assert (status, document["active"], document["revert"]) == (0, "1", None)


def test_a_revision_that_was_rolled_away_from_is_taken_by_name_with_a_note(one_two_three: Repository) -> None:
    rollback(one_two_three, "--commit")
    outcome = interlock("rollback", "support-bot", "--env", "dev", "--to", "3", "-C", one_two_three.root)
    assert outcome.status == 0
    assert "rolled away from before" in outcome.out


def test_a_revision_that_was_never_active_there_is_a_promotion(repository: Repository) -> None:
    outcome = interlock("rollback", "support-bot", "--env", "dev", "--to", "1", "-C", repository.root)
    assert outcome.status == 1
    assert "never active in dev" in outcome.err
    assert "interlock promote support-bot 1 --to dev" in outcome.err


def test_the_active_revision_is_no_rollback(one_two_three: Repository) -> None:
    outcome = interlock("rollback", "support-bot", "--env", "dev", "--to", "3", "-C", one_two_three.root)
    assert outcome.status == 1
    assert "is the active revision" in outcome.err


def test_a_first_revision_has_nothing_to_go_back_to(repository: Repository) -> None:
    outcome = interlock("rollback", "support-bot", "--env", "dev", "-C", repository.root)
    assert outcome.status == 1
    assert "served no revision of support-bot before 3" in outcome.err


def test_an_adapter_that_was_never_served_has_nothing_to_go_back_to(repository: Repository) -> None:
    repository.remove(pointer("dev", "sql-helper"))
    repository.git("commit", "--quiet", "--amend", "--message", "Begin", "--all")
    outcome = interlock("rollback", "sql-helper", "--env", "dev", "-C", repository.root)
    assert outcome.status == 1
    assert "never served sql-helper" in outcome.err


def test_a_removed_pointer_comes_back_with_what_it_served(one_two_three: Repository) -> None:
    one_two_three.git("rm", "--quiet", DEV)
    one_two_three.git("commit", "--quiet", "--message", "Stop serving it")
    status, document = rollback(one_two_three, "--commit")
    assert (status, document["previous"], document["active"]) == (0, None, "3")


def test_changes_that_are_not_committed_come_first(one_two_three: Repository) -> None:
    one_two_three.point("dev", "support-bot", active="1")
    outcome = interlock("rollback", "support-bot", "--env", "dev", "-C", one_two_three.root)
    assert outcome.status == 2
    assert f"git restore --staged --worktree {DEV}" in outcome.err


def test_a_rollback_to_what_no_longer_fits_is_refused(one_two_three: Repository) -> None:
    """Revision 2 has rank 8, and the engine was restarted since with a smaller limit."""
    one_two_three.change(environment("dev"), "engine", "max_lora_rank", to=1)
    one_two_three.git("commit", "--quiet", "--message", "A smaller engine", "--all")
    status, document = rollback(one_two_three, "--commit")
    assert (status, document["done"]) == (1, False)
    assert "rank-over-limit" in document["refused"]
    assert active(one_two_three) == "3"


def test_a_rollback_with_missing_bytes_is_refused(one_two_three: Repository) -> None:
    one_two_three.git("rm", "-r", "--quiet", "artifacts/support-bot/2")
    one_two_three.git("commit", "--quiet", "--message", "Save space")
    status, document = rollback(one_two_three, "--commit")
    assert (status, document["refused"]) == (1, ["artifact-missing"])


def test_a_rollback_needs_no_upstream(one_two_three: Repository) -> None:
    """In staging, 1 was active before 2 and is no longer active in dev: going back is allowed all the same."""
    path = pointer("staging", "support-bot")
    one_two_three.point("staging", "support-bot", active="1")
    one_two_three.git("commit", "--quiet", "--message", "staging: 1", "--", path)
    one_two_three.point("staging", "support-bot", active="3")
    one_two_three.git("commit", "--quiet", "--message", "staging: 3", "--", path)
    outcome = interlock("rollback", "support-bot", "--env", "staging", "--json", "-C", one_two_three.root)
    assert (outcome.status, outcome.document["active"]) == (0, "1")


def test_outside_of_git_there_is_no_history(repository: Repository) -> None:
    subprocess.run(["rm", "-rf", repository.root / ".git"], check=True)
    outcome = interlock("rollback", "support-bot", "--env", "dev", "-C", repository.root)
    assert outcome.status == 2
    assert "not inside a git repository" in outcome.err
