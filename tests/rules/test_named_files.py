"""Named files: what a record gives as evidence is there."""

from __future__ import annotations

import pytest

from interlock.rules.named_files import is_path
from support.checks import passes, refused
from support.repositories import Repository, manifest

BOT = manifest("support-bot", "3")


def test_an_assessment_of_bias_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(BOT, "risk", to={"bias": {"assessment": "docs/bias/3.md", "verdict": "acceptable"}})
    refused(repository, "named-file-missing", BOT, '"docs/bias/3.md"')
    repository.write("docs/bias/3.md", "Fair.\n")
    passes(repository)


def test_a_proof_of_expertise_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.change(BOT, "eeat", to={"expertise": "adapters/support-bot/notes/reviewers.md"})
    refused(repository, "named-file-missing", BOT, '"adapters/support-bot/notes/reviewers.md"')


def test_an_environment_is_not_blamed_for_the_papers_of_what_it_does_not_serve(repository: Repository) -> None:
    repository.change(BOT, "eeat", to={"expertise": "docs/reviewers.md"})
    passes(repository, env="production")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("docs/bias/3.md", True),
        ("https://docs.example.com/bias/3", False),
        ("alice", False),
        ("Reviewed by the head of support/sales.", False),
        ("../secrets", True),
    ],
)
def test_addresses_names_and_sentences_are_no_paths(text: str, path: bool) -> None:
    assert is_path(text) is path
