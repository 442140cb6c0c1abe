"""Licences: what they say themselves, and what an adapter may be offered under."""

from __future__ import annotations

import pytest

from interlock.rules.licences import restriction, same, says_nothing
from support.checks import passes, refused
from support.repositories import Repository, base_manifest, manifest

BOT = manifest("support-bot", "3")


@pytest.mark.parametrize("base", ["llama3.1", "gemma", "cc-by-nc-4.0", "AGPL-3.0-only", "bigscience-openrail-m"])
@pytest.mark.parametrize("offered", ["mit", "Apache-2.0", "cc0-1.0"])
def test_an_adapter_under_wider_terms_than_its_base_is_refused(repository: Repository, base: str, offered: str) -> None:
    repository.change(base_manifest(), "license", to=base)
    repository.change(BOT, "license", to=offered)
    refused(repository, "licence-wider-than-base", BOT, f'"{offered}"')


@pytest.mark.parametrize(
    ("base", "offered"),
    [("llama3.1", "llama3.1"), ("gemma", "internal"), ("apache-2.0", "mit"), ("mit", "proprietary")],
)
def test_the_terms_of_the_base_or_one_s_own_pass(repository: Repository, base: str, offered: str) -> None:
    repository.change(base_manifest(), "license", to=base)
    repository.change(BOT, "license", to=offered)
    passes(repository)


@pytest.mark.parametrize(
    ("licence", "restricted"),
    [
        ("cc-by-nc-4.0", "commercial use"),
        ("CC-BY-NC-SA-4.0", "commercial use"),
        ("PolyForm-Noncommercial-1.0.0", "commercial use"),
        ("MIT AND (CC-BY-NC-4.0)", "commercial use"),
        ("cc-by-nd-4.0", "passing on what was made from it"),
        ("intel-research", "anything but research"),
        ("apple-amlr", "anything but research"),
        ("cc-by-sa-4.0", ""),
        ("apache-2.0", ""),
        ("internal", ""),
        ("ncsa", ""),
        ("llama3.1", ""),
    ],
)
def test_a_restriction_is_what_a_licence_says_in_its_name(licence: str, restricted: str) -> None:
    assert restriction(licence) == restricted


def test_licences_are_compared_without_regard_to_case_and_unknown_is_none() -> None:
    assert same("Apache-2.0", "apache-2.0 ")
    assert not same("apache-2.0", "mit")
    assert [says_nothing(text) for text in ("unknown", "Other", "NOASSERTION", " ", "mit")] == [True] * 4 + [False]
