"""What a forge makes of a Markdown comment, for tests: parsed by a real CommonMark library, and what comes after that.

A forge also turns text outside of code into mentions, references, addresses, emoji and formulas. `shown` asserts that
there is nothing it could turn into any of them.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

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

ALLOWED = {"inline", "text", "code_inline", "fence", "strong_open", "strong_close"}
PARTS = ("paragraph", "bullet_list", "list_item", "heading", "table", "thead", "tbody", "tr", "th", "td")
ALLOWED |= {f"{part}_{side}" for part in PARTS for side in ("open", "close")}
OUR_OWN_HTML = re.compile(r"<!-- interlock-check -->\n?|<details>\n<summary>[A-Za-z0-9 ]+</summary>\n|</details>\n?")


def visible(tokens: list[Token]) -> str:
    """The text outside of code, after asserting that there is nothing but what our pages are made of."""
    text = ""
    for token in tokens:
        if token.type == "html_block" and OUR_OWN_HTML.fullmatch(token.content):
            continue
        assert token.type in ALLOWED, (token.type, token.content)
        text += token.content if token.type == "text" else visible(token.children or []) if token.children else "\n"
    return text


def shown(markdown: str) -> str:
    """What stands outside of code, harmless to a forge; an unticked box at the start of an entry is ours."""
    text = visible(MARKDOWN.parse(markdown)).replace("[ ]", "")
    assert not FORGE.search(text), FORGE.search(text)
    return text


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
    "ssh-ed25519 see-GH-3 not-a-deadbeef-either",
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
"""Texts that somebody could write into a repository."""
