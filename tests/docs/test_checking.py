"""docs/checking.md names every transition rule, and its samples can be read."""

from __future__ import annotations

import re

import pytest

from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.rules.transitions.registry import RULES
from support.living_example import REPOSITORY
from support.review_pages import without_digests

PAGE = (REPOSITORY / "docs" / "checking.md").read_text(encoding="utf-8")


def test_every_transition_rule_is_explained() -> None:
    assert [rule.id for rule in RULES if f"`{rule.id}`" not in PAGE] == []


@pytest.mark.parametrize("path", ["policies/waivers.yaml", "policies/production.yaml"])
def test_the_samples_are_valid_documents(path: str) -> None:
    expected = classify(path)
    samples = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (sample,) = (text for text in samples if text.startswith(f"kind: {expected.kind}\n"))
    assert read_document(sample.encode(), path, expected).problems == ()


def test_the_sample_of_a_page_is_one_that_is_written() -> None:
    (sample,) = re.findall(r"````markdown\n(.*?)````", PAGE, flags=re.DOTALL)
    kept = (REPOSITORY / "tests" / "checking" / "pages" / "promotion.md").read_text(encoding="utf-8")
    assert kept.startswith(without_digests(sample))
