"""docs/checking.md names every transition rule, and its sample of a waiver can be read."""

from __future__ import annotations

import re

from interlock.documents.kinds.policy import Waivers
from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.rules.transitions.registry import RULES
from support.living_example import REPOSITORY
from support.review_pages import without_digests

PAGE = (REPOSITORY / "docs" / "checking.md").read_text(encoding="utf-8")


def test_every_transition_rule_is_explained() -> None:
    assert [rule.id for rule in RULES if f"`{rule.id}`" not in PAGE] == []


def test_the_sample_of_a_waiver_is_a_valid_document() -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    path = "policies/waivers.yaml"
    reading = read_document(sample.encode(), path, classify(path))
    assert reading.problems == ()
    assert isinstance(reading.document, Waivers)


def test_the_sample_of_a_page_is_one_that_is_written() -> None:
    (sample,) = re.findall(r"````markdown\n(.*?)````", PAGE, flags=re.DOTALL)
    kept = (REPOSITORY / "tests" / "checking" / "pages" / "promotion.md").read_text(encoding="utf-8")
    assert kept.startswith(without_digests(sample))
