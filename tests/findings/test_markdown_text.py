"""Whatever a repository says, a comment that quotes it notifies nobody, links nowhere and keeps its tables whole.

Rendered by a real CommonMark library. What a forge makes of the text that remains outside of code is known too: it must
not hold anything that a forge turns into a mention, a reference, an address, an emoji or a formula.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from interlock.findings.markdown_text import code, fenced, prose, without_pipes

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
FORGE = re.compile(
    r"""
    (?<![A-Za-z0-9_/])@[A-Za-z0-9]      # a mention
    | [A-Za-z0-9._+-]+@[A-Za-z0-9]      # an address of mail
    | [A-Za-z]+://  | \bwww\.           # an address
    | [#!~%&$^]["A-Za-z0-9{(`\[]        # issue, merge request, label, milestone, epic, snippet, formula
    | \b[A-Za-z]+-[0-9]+\b              # a reference to another tracker
    | \b[0-9a-f]{7,40}\b                # a commit
    | :[A-Za-z0-9_+-]+:                 # an emoji
    | \[ | \] | < | > | \\ | \^ | \* | _ | ~ | \| | \$
    """,
    re.VERBOSE,
)
HOSTILE = [
    "@org/security please look",
    "(@octocat) and `@octocat`",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</details></summary><h1>Approved</h1>",
    "<!-- interlock-check -->",
    "--> hello <!--",
    "![x](https://evil.example/pixel.png)",
    "[approve](https://evil.example)",
    "[x]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example and www.evil.example, mail a@evil.example.",
    "# Approved",
    "- [x] approved by alice",
    "1. one",
    "1) one",
    "2",
    "> quoted",
    "/approve",
    "/close this",
    "```\nfence\n```",
    "~~~ fence",
    "`` ` ``",
    "`", "``", "```", " ` ", "a`", "`a",
    "\\`a\\`", "\\", "\\\\|", "a\\|b", "|", "||", "| a | b |\n|---|---|\n| c | d |",
    "*bold* **bold** _em_ __em__ ~~gone~~ ***",
    "---", "===", "***", "+ plus", "* star",
    "#1 org/repo#2 GH-3 JIRA-44 !5 ~bug %v1 &6 $7 a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    ":shipit: :+1: a:smile:b 1:100:2",
    "$x^2$ $$x$$ $`x`$",
    "&lt;b&gt; &amp; &#64;octocat",
    "[^1] and [[wiki]]",
    "\u202egnp.exe \u2066x\u2069 \u200b \ufeff",
    "שלום world @team",
    "line\nbreak\r\nand\ttab",
    "line\u2028separator \u0085 next",
    "\udcff not UTF-8",
    "\x1b[31mred\x07\x00",
    "a" * 5000,
    "",
    " ",
    "   indented",
    "\tcode",
    "…",
]  # fmt: skip


def visible(tokens: list[Token]) -> str:
    """The text outside of code, after asserting that there is nothing but text, code and paragraphs."""
    text = ""
    for token in tokens:
        assert token.type in ALLOWED, (token.type, token.content)
        text += token.content if token.type == "text" else visible(token.children or []) if token.children else "\n"
    return text


ALLOWED = {"inline", "text", "code_inline", "paragraph_open", "paragraph_close", "bullet_list_open", "list_item_open"}
ALLOWED |= {"bullet_list_close", "list_item_close"}
ALLOWED |= {f"{part}_{side}" for part in ("table", "thead", "tbody", "tr", "th", "td") for side in ("open", "close")}


def shown(markdown: str) -> str:
    """What stands outside of code, harmless to a forge."""
    text = visible(MARKDOWN.parse(markdown))
    assert not FORGE.search(text), FORGE.search(text)
    return text


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
