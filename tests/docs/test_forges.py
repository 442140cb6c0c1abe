"""docs/forges.md says of every setting what `interlock forge doctor` says of it, and names the real variables."""

from __future__ import annotations

import re

import pytest

from interlock.approvals.forges.advice import WHY
from interlock.approvals.forges.connection import MAX_BODY_BYTES
from interlock.approvals.forges.http import ALL_BODIES_BYTES, ALL_CALLS_S
from interlock.approvals.forges.paging import MAX_PAGES
from interlock.approvals.forges.proposal import PASSES
from interlock.approvals.forges.tokens import FILE_VARIABLE, VARIABLES
from support.living_example import REPOSITORY

PAGE = (REPOSITORY / "docs" / "forges.md").read_text(encoding="utf-8")
ROWS = {row.split("|")[1].strip(" `"): row for row in PAGE.splitlines() if row.startswith("| `")}


def numbers(text: str) -> list[str]:
    """The bypasses in the last brackets of a text."""
    return re.findall(r"\d+", re.findall(r"\(([\d, ]+)\)", text)[-1])


@pytest.mark.parametrize("setting", WHY)
def test_every_setting_is_explained_with_the_same_bypasses(setting: str) -> None:
    assert numbers(ROWS[setting].split("|")[2]) == numbers(WHY[setting])


def test_every_bypass_has_its_number_and_no_other() -> None:
    told = PAGE.partition("separation of duties:")[2].partition("##")[0]
    assert re.findall(r"(?:^|· |\n)(\d+) ", told) == [str(number) for number in range(1, 27)]


def test_every_variable_is_named() -> None:
    assert all(f"`{name}`" in PAGE for names in VARIABLES.values() for name in names)
    assert f"`{FILE_VARIABLE}`" in PAGE


def test_the_limits_are_the_real_ones() -> None:
    assert f"{MAX_PAGES} pages at most" in PAGE
    assert f"a limit of {MAX_BODY_BYTES >> 20} MiB" in PAGE
    assert f"{ALL_BODIES_BYTES >> 20} MiB at most" in PAGE
    assert (PASSES, ALL_CALLS_S) == (3, 600)
    assert "ten minutes" in PAGE
    assert "three times at most" in PAGE
