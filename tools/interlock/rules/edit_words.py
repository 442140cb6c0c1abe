"""The edits of an example in words: what `interlock explain` and the pages of the rules show of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interlock.rules.example import (
    AddSubmodule,
    Approve,
    AskForChanges,
    BreakHeader,
    CopyFile,
    CutFile,
    Edit,
    FlipByte,
    LinkFile,
    Merge,
    MoveFile,
    PastEmergency,
    ProposeAs,
    RemoveFile,
    RepeatItem,
    ReplaceText,
    Reseal,
    Retrain,
    Said,
    SetAdapterConfig,
    SetValue,
    SignWeights,
    TakeAway,
    Vanish,
    Wait,
    WithoutPackage,
    WriteFile,
    steps,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One edit as a reader sees it: a sentence, and the lines that it leaves in the file."""

    sentence: str
    lines: str = ""


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
        case WithoutPackage():
            return Shown(f"The Python package {edit.package} is not installed where the check runs.")
        case Wait():
            return Shown(f"{edit.time} pass.")
        case Merge():
            return Shown(f"This is merged: {edit.message}.")
        case ProposeAs() | Approve() | AskForChanges() | PastEmergency():
            return _shown_saying(edit)
        case _:
            return _shown_bytes(edit)


def _shown_saying(edit: Said) -> Shown:
    match edit:
        case ProposeAs():
            return Shown(f"{edit.login} makes and proposes the change.")
        case Approve():
            who = f"Account {edit.who}, which the roster does not know," if isinstance(edit.who, int) else edit.who
            return Shown(f"{who} approves it.")
        case AskForChanges():
            return Shown(f"{edit.who} asks for changes.")
        case PastEmergency():
            then = f"{edit.reviewed_by} reviewed it" if edit.reviewed_by else "nobody reviewed it"
            return Shown(f"{edit.by} declared an emergency in {edit.environment} before, and {then}.")


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
        case SignWeights():
            whose = (
                f"a key of {edit.by}, which the roster has" if edit.listed else "a key that nobody in the roster has"
            )
            return Shown(f"The files of {edit.revision} are signed with {whose}, and its manifest names the signature.")
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
