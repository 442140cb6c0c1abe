"""Whatever a repository says, a comment that quotes it notifies nobody, links nowhere and keeps its tables whole.

Rendered by a real CommonMark library. What a forge makes of the text that remains outside of code is known too: it must
not hold anything that a forge turns into a mention, a reference, an address, an emoji or a formula.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.findings.markdown_text import code, fenced, prose, without_pipes
from support.forge import HOSTILE, MARKDOWN, shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_sentence_is_only_text_and_code(text: str) -> None:
    for markdown in (prose(text), f"- {prose(text)}", f"Found: {prose(text)} and so on"):
        assert "\n" not in markdown
        shown(markdown)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_one_code_span(text: str) -> None:
    markdown = code(text)
    assert shown(f"- {markdown}").strip() == ""
    if markdown:
        (_, inline, _) = MARKDOWN.parse(markdown)
        assert [child.type for child in inline.children or []] == ["code_inline"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_cell_stays_a_cell(text: str) -> None:
    for cell in (prose(text), code(text)):
        markdown = f"| a | b | c |\n|---|---|---|\n| x | {without_pipes(cell)} | y |\n"
        tokens = MARKDOWN.parse(markdown)
        shown(markdown)
        assert [token.type for token in tokens].count("td_open") == 3
        inlines = [token.content for token in tokens if token.type == "inline"]
        assert (inlines[3], inlines[5]) == ("x", "y")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_command_stays_in_its_block(text: str) -> None:
    tokens = MARKDOWN.parse(fenced([text, "interlock check"]) + "after\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content.splitlines()[1:] == ["interlock check"]


@given(st.text(max_size=60) | st.text(alphabet="`|\\@<>[]()!#-_*~:/.$&1a \n", max_size=40))
def test_any_text_is_only_text_and_code(text: str) -> None:
    shown(prose(text))
    shown(f"| a | b |\n|---|---|\n| {without_pipes(prose(text))} | {without_pipes(code(text))} |\n")


def test_plain_sentences_stay_as_they_are() -> None:
    sentence = "The canary's weight is 5 %, first seen 2026-11-24 12:00 UTC (soak: 24h); überall → „gut“?"
    assert prose(sentence) == sentence


def test_names_inside_a_sentence_become_code() -> None:
    assert prose("support-bot@2 has rank 64 (peft.r), see max_lora_rank.") == (
        "`support-bot@2` has rank 64 (`peft.r`), see `max_lora_rank`."
    )


def test_a_long_text_is_cut() -> None:
    assert code("x" * 1000, limit=10) == f"`{'x' * 9}…`"


def test_what_runs_from_right_to_left_is_isolated() -> None:
    assert code("שלום") == "`\u2068שלום\u2069`"
    assert "\u202e" not in code("\u202eabc")
