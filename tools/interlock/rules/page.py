"""The page of a rule, as values and as Markdown: what is judged, why, the remedy, a refused and an accepted example.

Called by `interlock explain` and `interlock.rules.pages`. Pure: the example comes in as a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.rules.catalogue import families
from interlock.rules.example import (
    AddSubmodule,
    BreakHeader,
    CopyFile,
    CutFile,
    Edit,
    Example,
    FlipByte,
    LinkFile,
    Merge,
    MoveFile,
    RemoveFile,
    RepeatItem,
    ReplaceText,
    Reseal,
    Retrain,
    SetAdapterConfig,
    SetValue,
    TakeAway,
    Vanish,
    Wait,
    WriteFile,
    steps,
)
from interlock.rules.rule import Rule, TransitionRule
from interlock.rules.waivers import may_be_waived

LONGEST_EXCERPT = 600
_CODE = re.compile(
    r"interlock check( --[a-z]+( REV)?)?|--staged|[\w.-]+(/[\w.-]+)+(?<!\.)|[\w-]+@[0-9]+|adapter_config\.json"
)
GROUND = (
    "The examples are edits of one small healthy repository: the base tiny-llama 2026-11, the adapters support-bot "
    "(revisions 1, 2, 3) and sql-helper (revision 1), and the environments dev, staging and production on vLLM. Of "
    "support-bot, dev serves revision 3, staging 2 and production 1."
)
HEALTHY = "The repository as it was before."
_WEIGHTS = {
    0: "a warning: it is told and blocks nothing",
    1: "an error: it blocks, exit status 1",
    4: "could not be evaluated: it blocks, exit status 4",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One edit as a reader sees it: a sentence, and the lines that it leaves in the file."""

    sentence: str
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything about one rule that a person asks for."""

    id: str
    title: str
    family: str
    why: str
    remedy: str
    judged_on: str
    severity: str
    waiver: str
    caption: str
    given: tuple[Shown, ...]
    failing: tuple[Shown, ...]
    printed: str
    passing: tuple[Shown, ...]


def page_of(rule: Rule | TransitionRule, example: Example) -> Page:
    """The page of a rule."""
    return Page(
        id=rule.id,
        title=rule.title,
        family=rule.family,
        why=rule.why,
        remedy=rule.remedy,
        judged_on=_judged_on(rule, example),
        severity=_WEIGHTS[example.exit_status],
        waiver="possible, for one place and until one day, in policies/waivers.yaml"
        if may_be_waived(rule.id, families())
        else "never: this rule is not set aside",
        caption=example.caption,
        given=tuple(map(shown, example.base)),
        failing=tuple(map(shown, example.failing)),
        printed=example.printed,
        passing=tuple(map(shown, example.passing)) or (Shown(HEALTHY),),
    )


def _judged_on(rule: Rule | TransitionRule, example: Example) -> str:
    if isinstance(rule, TransitionRule):
        return "a change: interlock check --base REV, or --staged"
    return f"the files of the repository: interlock check{' --deep' if example.deep else ''}"


def shown(edit: Edit) -> Shown:
    """An edit in words, with the lines that it leaves behind."""
    match edit:
        case SetValue():
            return Shown(f"{edit.file} says", _nested(steps(edit.at), edit.to))
        case TakeAway():
            return Shown(f"{edit.file} does not have the key {edit.at}.")
        case RepeatItem():
            return Shown(f"{edit.file} has the item {edit.at} a second time.")
        case ReplaceText():
            return Shown(f"{edit.file} has, in place of {edit.text!r}", edit.by)
        case WriteFile():
            return _written(edit)
        case RemoveFile():
            return Shown(f"{edit.file} is not there.")
        case MoveFile():
            return Shown(f"{edit.file} lies at {edit.to}.")
        case CopyFile():
            return Shown(f"{edit.to} is a copy of {edit.file}.")
        case LinkFile():
            return Shown(f"{edit.file} is a symbolic link to {edit.to}.")
        case AddSubmodule():
            return Shown(f"{edit.file} is a git submodule.")
        case Vanish():
            return Shown(f"{edit.file} is listed, and gone when it is read.")
        case Wait():
            return Shown(f"{edit.time} pass.")
        case Merge():
            return Shown(f"This is merged: {edit.message}.")
        case _:
            return _shown_bytes(edit)


def _shown_bytes(edit: Edit) -> Shown:
    match edit:
        case CutFile():
            return Shown(f"{edit.file} ends after {edit.size} bytes.")
        case FlipByte():
            return Shown(f"The last byte of {edit.file} is another one.")
        case BreakHeader():
            return Shown(f"The first eight bytes of {edit.file} are nonsense.")
        case Retrain():
            return Shown(f"{edit.revision} is made anew, and its manifest with it. {edit.shown}")
        case SetAdapterConfig():
            text = json.dumps(edit.to, indent=2)
            return Shown(f"adapter_config.json of {edit.revision}, and the settings in its manifest, say", text)
        case Reseal():
            return Shown(f"The digests and sizes in the manifest of {edit.revision} belong to these files.")
        case _:
            raise AssertionError(f"no words for {edit}")


def _written(edit: WriteFile) -> Shown:
    if edit.times > 1:
        return Shown(f"{edit.file} holds {edit.times:,} times", edit.text)
    if edit.encoding != "utf-8":
        return Shown(f"{edit.file}, saved as {edit.encoding.title()}, holds", edit.text.rstrip("\n"))
    if not edit.text.strip():
        return Shown(f"{edit.file} is there and empty.")
    return Shown(f"{edit.file} holds", edit.text.rstrip("\n"))


def _nested(at: Sequence[str | int], value: Any) -> str:
    """A value with the keys around it, as block YAML; list positions are shown as `-`."""
    lines, lead = [], ""
    for step in at[:-1]:
        lines.append(f"{lead}- …" if isinstance(step, int) else f"{lead}{step}:")
        lead += "  "
    last, leaf = at[-1], json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "\n".join([*lines, f"{lead}{last}:", *(f"{lead}  - {json.dumps(item)}" for item in value)])
    return "\n".join([*lines, f"{lead}- {leaf}" if isinstance(last, int) else f"{lead}{last}: {leaf}"])


def markdown(page: Page) -> str:
    """The page as a Markdown file."""
    return "\n".join(
        [
            f"# {page.title}",
            "",
            f"`{page.id}` · family [{page.family}](README.md#{page.family})",
            "",
            f"**Why it matters.** {page.why}",
            "",
            f"**What to do.** {page.remedy}",
            "",
            f"- Judged on {_code(page.judged_on)}.",
            f"- Counts as {page.severity}.",
            f"- [Waiver](../checking.md#waivers): {_code(page.waiver)}.",
            "",
            "## Refused",
            "",
            page.caption,
            "",
            *_section("What stands already:", page.given),
            *_section("" if not page.given else "What is proposed:", page.failing),
            "The checker says:",
            "",
            "```text",
            page.printed,
            "```",
            "",
            "## Accepted",
            "",
            *_section("What is proposed on the same ground:" if page.given else "", page.passing),
            GROUND,
            "",
            "Both run as tests. Generated by `python -m interlock.rules.pages docs/rules`; do not edit.",
            "",
        ]
    )


def _section(head: str, edits: Sequence[Shown]) -> Iterator[str]:
    if not edits:
        return
    if head:
        yield from (head, "")
    for edit in edits:
        yield from (f"- {_code(edit.sentence)}{':' if edit.lines else ''}", "")
        if edit.lines:
            yield from ("  ```yaml", *(f"  {line}".rstrip() for line in excerpt(edit.lines)), "  ```", "")


def excerpt(text: str) -> list[str]:
    """The lines of an example, cut where they are long."""
    cut = text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT] + " …"
    return cut.split("\n")


def _code(text: str) -> str:
    """A sentence with its paths, revisions and commands marked as code."""
    return _CODE.sub(lambda found: f"`{found[0]}`", text)
