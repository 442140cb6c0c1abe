"""`interlock promote`, from the command line down to git."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import interlock
from support.repositories import Repository, environment, manifest, pointer

STAGING = pointer("staging", "support-bot")
DEV = pointer("dev", "support-bot")


def promote(repository: Repository, *words: str) -> tuple[int, dict[str, object]]:
    outcome = interlock("promote", *words, "--json", "-C", repository.root)
    return outcome.status, outcome.document


def changed(repository: Repository) -> str:
    return repository.git("status", "--short")


def test_a_promotion_changes_one_line_of_one_file(repository: Repository) -> None:
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "-C", repository.root)
    assert outcome.status == 0, outcome.err
    assert changed(repository) == f"M {STAGING}"
    assert repository.git("diff", "--numstat") == f"1\t1\t{STAGING}"
    assert repository.read(STAGING)["active"] == "3"
    message = "promote: support-bot 3 in staging (was 2)"
    assert f"git commit -m '{message}' -- {STAGING}" in outcome.out


def test_comments_and_everything_else_in_the_pointer_stay(repository: Repository) -> None:
    text = '# ours\nkind: Pointer\nadapter: support-bot\nactive: "2"   # since Tuesday\nkeep: ["1"]\n'
    repository.write(STAGING, text)
    assert promote(repository, "support-bot", "3", "--to", "staging")[0] == 0
    assert (repository.root / STAGING).read_text() == text.replace('"2"', '"3"')


def test_without_a_revision_the_one_active_upstream_is_promoted(repository: Repository) -> None:
    status, document = promote(repository, "support-bot", "--to", "staging")
    assert (status, document["active"], document["previous"]) == (0, "3", "2")


def test_without_a_revision_and_without_upstream_the_known_revisions_are_named(repository: Repository) -> None:
    outcome = interlock("promote", "support-bot", "--to", "dev", "-C", repository.root)
    assert outcome.status == 2
    assert "1, 2, 3" in outcome.err


def test_without_a_revision_an_upstream_that_serves_none_is_named(repository: Repository) -> None:
    repository.remove(DEV)
    outcome = interlock("promote", "support-bot", "--to", "staging", "-C", repository.root)
    assert outcome.status == 2
    assert "--to dev" in outcome.err


def test_a_commit_holds_the_pointer_and_nothing_else(repository: Repository) -> None:
    repository.write("notes.txt", "staged, and not part of the promotion")
    repository.git("add", "notes.txt")
    status, document = promote(repository, "support-bot", "3", "--to", "staging", "--commit")
    assert status == 0
    assert document["commit"] == repository.git("rev-parse", "HEAD")
    assert repository.git("show", "--name-only", "--format=%s") == (
        f"promote: support-bot 3 in staging (was 2)\n\n{STAGING}"
    )
    assert changed(repository) == "A  notes.txt"


def test_a_first_promotion_creates_the_pointer(repository: Repository) -> None:
    repository.remove(STAGING)
    repository.commit("Stop serving it in staging")
    status, document = promote(repository, "support-bot", "3", "--to", "staging", "--commit")
    assert status == 0
    assert document["previous"] is None
    assert repository.git("show", "--name-status", "--format=") == f"A\t{STAGING}"
    assert interlock("check", repository.root).status == 0


def test_a_new_pointer_that_is_not_committed_yet_is_added_by_the_printed_commands(repository: Repository) -> None:
    repository.remove(STAGING)
    repository.commit("Stop serving it in staging")
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "-C", repository.root)
    commands = outcome.out.partition("Next:\n")[2].splitlines()
    assert commands[0].strip() == f"git add -- {STAGING}"
    assert commands[-1].strip() == "git push"


def test_a_skipped_stage_is_refused(repository: Repository) -> None:
    status, document = promote(repository, "support-bot", "3", "--to", "production")
    assert (status, document["refused"], document["done"]) == (1, ["skipped-stage"], False)
    assert changed(repository) == ""


def test_a_revision_that_left_upstream_again_is_refused(repository: Repository) -> None:
    status, document = promote(repository, "support-bot", "1", "--to", "staging")
    assert (status, document["refused"]) == (1, ["skipped-stage"])


def test_the_active_revision_is_refused(repository: Repository) -> None:
    status, document = promote(repository, "support-bot", "3", "--to", "dev")
    assert (status, document["refused"]) == (1, ["already-active"])


def test_a_revoked_revision_is_refused(repository: Repository) -> None:
    record = {"adapter": "support-bot", "revision": "3", "reason": "leaks", "date": "2026-11-01", "by": "alice"}
    repository.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": [record]})
    status, document = promote(repository, "support-bot", "3", "--to", "staging")
    assert (status, document["refused"]) == (1, ["revoked-revision"])
    assert changed(repository) == "M policies/revocations.yaml"


def test_a_revision_that_is_not_registered_is_refused(repository: Repository) -> None:
    status, document = promote(repository, "support-bot", "9", "--to", "dev")
    assert (status, document["refused"]) == (1, ["dangling-pointer"])


def test_corrupt_bytes_are_refused_although_they_were_corrupt_before(repository: Repository) -> None:
    path = repository.root / "artifacts/support-bot/3/adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    status, document = promote(repository, "support-bot", "3", "--to", "staging")
    assert status == 1
    assert document["refused"] == ["digest-mismatch"]
    assert "M " + STAGING not in changed(repository)


def test_a_rank_over_the_limit_of_the_environment_is_refused(repository: Repository) -> None:
    repository.change(environment("staging"), "engine", "max_lora_rank", to=8)
    repository.replace_adapter("support-bot", "3", rank=16)
    status, document = promote(repository, "support-bot", "3", "--to", "staging")
    assert status == 1
    assert document["refused"] == ["rank-over-limit"]


def test_a_refusal_shows_the_findings_like_check_does(repository: Repository) -> None:
    outcome = interlock("promote", "support-bot", "3", "--to", "production", "-C", repository.root)
    assert outcome.status == 1
    assert "[skipped-stage]" in outcome.out
    assert "interlock promote support-bot 3 --to staging" in outcome.out
    assert "was refused, and nothing was written" in outcome.err


def test_flaws_elsewhere_are_reported_and_do_not_refuse(repository: Repository) -> None:
    repository.write("adapters/sql-helper/adapter.yaml", "kind: Adapter\nname: sql-helper\n")
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "-C", repository.root)
    assert outcome.status == 0
    assert "other blocking finding(s)" in outcome.err


def test_a_manifest_that_is_not_committed_cannot_be_promoted_by_commit(repository: Repository) -> None:
    repository.git("rm", "--quiet", "--cached", manifest("support-bot", "3"), DEV)
    repository.git("commit", "--quiet", "--message", "Forget the manifest")
    outcome = interlock("promote", "support-bot", "3", "--to", "dev", "--commit", "-C", repository.root)
    assert outcome.status == 2
    assert f"{manifest('support-bot', '3')} is not committed yet" in outcome.err
    assert repository.git("log", "-1", "--format=%s") == "Forget the manifest"


def test_a_pointer_with_uncommitted_changes_is_not_committed_over(repository: Repository) -> None:
    repository.point("staging", "support-bot", keep=["1"])
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "--commit", "-C", repository.root)
    assert outcome.status == 2
    assert f"git restore --staged --worktree {STAGING}" in outcome.err
    assert repository.read(STAGING)["active"] == "2"


def test_a_commit_that_git_refuses_leaves_everything_as_it_was(repository: Repository) -> None:
    hook = repository.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits today >&2\nexit 1\n")
    hook.chmod(0o755)
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "--commit", "-C", repository.root)
    assert outcome.status == 1
    assert "no commits today" in outcome.err
    assert changed(repository) == ""


def test_the_canary_ends_when_its_revision_becomes_active(repository: Repository) -> None:
    repository.point("staging", "support-bot", canary={"revision": "3", "weight": 5})
    status, document = promote(repository, "support-bot", "3", "--to", "staging")
    assert status == 0
    assert "canary" not in repository.read(STAGING)
    assert document["notes"] == ["the canary of revision 3 ended: that revision is now the active one"]


def test_a_canary_of_another_revision_goes_on(repository: Repository) -> None:
    repository.point("staging", "support-bot", canary={"revision": "1", "weight": 5})
    assert promote(repository, "support-bot", "3", "--to", "staging")[0] == 0
    assert repository.read(STAGING)["canary"] == {"revision": "1", "weight": 5}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("support-bto", "3", "--to", "dev"), "did you mean support-bot?"),
        (("support-bot", "3", "--to", "produktion"), "did you mean production?"),
    ],
)
def test_a_misspelling_is_answered_with_what_there_is(
    repository: Repository, words: tuple[str, ...], says: str
) -> None:
    outcome = interlock("promote", *words, "-C", repository.root)
    assert outcome.status == 2
    assert says in outcome.err


def test_a_pointer_that_cannot_be_read_is_not_written_over(repository: Repository) -> None:
    repository.write(STAGING, "kind: Pointer\nadapter: support-bot\nactive: 2\n")
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "-C", repository.root)
    assert outcome.status == 1
    assert STAGING in outcome.err
    assert "interlock check" in outcome.err


def test_outside_of_a_repository_the_way_to_one_is_shown(tmp_path: Path) -> None:
    outcome = interlock("promote", "support-bot", "3", "--to", "dev", "-C", tmp_path)
    assert outcome.status == 2
    assert "interlock init" in outcome.err


def test_commit_needs_the_tree_at_the_top_of_git(repository: Repository) -> None:
    inner = repository.root / "inner"
    inner.mkdir()
    for folder in ("adapters", "bases", "environments", "policies", "artifacts", "models"):
        (repository.root / folder).rename(inner / folder)
    outcome = interlock("promote", "support-bot", "3", "--to", "staging", "--commit", "-C", inner)
    assert outcome.status == 2
    assert "top of a git repository" in outcome.err


def test_bytes_that_cannot_be_reached_are_not_a_pass_and_not_a_flaw(repository: Repository) -> None:
    repository.change(manifest("support-bot", "3"), "artifact", "uri", to="s3://elsewhere/bot")
    status, document = promote(repository, "support-bot", "3", "--to", "staging")
    assert (status, document["refused"]) == (4, ["artifact-unreachable"])
