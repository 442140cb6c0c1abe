"""Lineage: predecessor, anchor, recipe and notes are there and unchanged."""

from __future__ import annotations

from interlock.rules.circles import circles
from support.checks import check, passes, refused
from support.repositories import Repository, manifest, pointer

BOT_2 = manifest("support-bot", "2")


def test_a_previous_revision_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(BOT_2, "lineage", "previous", to="0")
    refused(repository, "previous-missing", BOT_2, '"0"')


def test_an_anchor_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(BOT_2, "lineage", "anchor", to="0")
    refused(repository, "anchor-missing", BOT_2, '"0"')


def test_a_previous_revision_whose_form_is_wrong_is_reported_once(repository: Repository) -> None:
    repository.write(manifest("support-bot", "1"), "kind: AdapterRevision\n")
    assert {finding.rule for finding in check(repository).findings} == {"missing-key"}


def test_a_revision_that_is_its_own_predecessor_is_refused(repository: Repository) -> None:
    repository.change(BOT_2, "lineage", "previous", to="2")
    finding = refused(repository, "lineage-cycle", BOT_2, '"2"')
    assert "support-bot@2 → support-bot@2" in finding.found


def test_a_circle_of_revisions_is_reported_at_each_of_them(repository: Repository) -> None:
    repository.change(BOT_2, "lineage", "previous", to="3")
    findings = check(repository).findings
    assert [(f.rule, f.place.path) for f in findings] == [
        ("lineage-cycle", BOT_2),
        ("lineage-cycle", manifest("support-bot", "3")),
    ]


def test_circles_are_found_in_linear_time_and_tails_do_not_belong_to_them() -> None:
    chain: dict[int, int | None] = {number: number + 1 for number in range(100_000)}
    chain |= {100_000: 99_998, -1: None}
    assert circles(chain) == dict.fromkeys((99_998, 99_999, 100_000), (99_998, 99_999, 100_000))


def test_a_recipe_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.remove("adapters/support-bot/recipes/2.yaml")
    refused(repository, "recipe-missing", BOT_2, '"adapters/support-bot/recipes/2.yaml"')


def test_a_recipe_that_was_changed_is_refused(repository: Repository) -> None:
    repository.write("adapters/support-bot/recipes/2.yaml", "steps: 99\n")
    finding = refused(repository, "recipe-digest-mismatch", BOT_2, '"sha256:')
    assert finding.expected in (repository.root / BOT_2).read_text()


def test_release_notes_that_are_not_there_are_refused(repository: Repository) -> None:
    repository.remove("adapters/support-bot/notes/2.md")
    refused(repository, "release-notes-missing", BOT_2, '"adapters/support-bot/notes/2.md"')


def test_an_environment_is_not_blamed_for_the_lineage_of_what_it_does_not_serve(repository: Repository) -> None:
    repository.remove("adapters/support-bot/recipes/2.yaml")
    passes(repository, env="production")
    refused(repository, "recipe-missing", BOT_2, '"adapters', env="staging")
    assert (repository.root / pointer("staging", "support-bot")).exists()
