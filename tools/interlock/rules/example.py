"""The example of a rule: edits of one healthy repository that the rule refuses, and the nearest ones that it accepts.

Examples are data, `rules/examples/<id>.yaml`. `interlock explain` and `interlock.rules.pages` show them, and the tests
apply every one to a real repository and ask the real checker (`tests/support/rule_examples.py`). Nothing that judges
calls this module. It refuses unknown keys, so that a misspelt edit is an error and not an edit that does nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from interlock.documents.yaml_reader import read_yaml

FOLDER = "examples"
_SUFFIX = ".yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SetValue(_Strict):
    """One value of a document; `at` is the way to it: `engine.max_loras`, `people.0.roles`."""

    file: str = Field(alias="set")
    at: str
    to: Any


class TakeAway(_Strict):
    """One key of a document, gone."""

    file: str = Field(alias="unset")
    at: str


class RepeatItem(_Strict):
    """One item of a list, written a second time."""

    file: str = Field(alias="repeat")
    at: str


class ReplaceText(_Strict):
    """The first place of a file that reads `text` reads `by`."""

    file: str = Field(alias="replace")
    text: str
    by: str


class WriteFile(_Strict):
    """A whole file; `times` repeats the text, `encoding` saves it in another encoding than UTF-8."""

    file: str = Field(alias="write")
    text: str
    times: int = 1
    encoding: str = "utf-8"


class RemoveFile(_Strict):
    """A file or folder, gone."""

    file: str = Field(alias="remove")


class MoveFile(_Strict):
    """A file or folder under another path."""

    file: str = Field(alias="move")
    to: str


class CopyFile(_Strict):
    """A file once more under another path."""

    file: str = Field(alias="copy")
    to: str


class LinkFile(_Strict):
    """A symbolic link."""

    file: str = Field(alias="link")
    to: str


class CutFile(_Strict):
    """A file that ends after `size` bytes."""

    file: str = Field(alias="truncate")
    size: int


class FlipByte(_Strict):
    """A file whose last byte is another one, as after a bad disk."""

    file: str = Field(alias="corrupt")


class BreakHeader(_Strict):
    """A tensor file whose first eight bytes, the length of its header, are nonsense."""

    file: str = Field(alias="scramble")


class Retrain(_Strict):
    """A revision made anew with these arguments of `tests/support/adapters.py`, its manifest written to agree."""

    revision: str = Field(alias="retrain")
    having: dict[str, Any] = Field(alias="with")
    shown: str


class SetAdapterConfig(_Strict):
    """Keys of `adapter_config.json`, the manifest written to agree."""

    revision: str = Field(alias="configure")
    to: dict[str, Any]


class Reseal(_Strict):
    """The digests and sizes of a manifest written to agree with the files that are there."""

    revision: str = Field(alias="reseal")


class SignWeights(_Strict):
    """A revision signed with a new key of a machine of the roster, the manifest written to say so."""

    revision: str = Field(alias="sign")
    by: str
    listed: bool = True


class AddSubmodule(_Strict):
    """A git submodule."""

    file: str = Field(alias="submodule")


class Vanish(_Strict):
    """A file that is listed, and gone when it is read."""

    file: str = Field(alias="vanish")


class WithoutPackage(_Strict):
    """A Python package that is not installed where the check runs."""

    package: str = Field(alias="without")


class Wait(_Strict):
    """Time that passes: `23h`, `2d`."""

    time: str = Field(alias="wait")


class Merge(_Strict):
    """Everything so far merged to the trusted branch."""

    message: str = Field(alias="merge")


class ProposeAs(_Strict):
    """Who makes and proposes the change; alice where nobody is named."""

    login: str = Field(alias="author")


class Approve(_Strict):
    """A person, or the number of an account that nobody knows, approves the change as it is."""

    who: str | int = Field(alias="approve")


class AskForChanges(_Strict):
    """A person asks for changes."""

    who: str = Field(alias="object")


class PastEmergency(_Strict):
    """An emergency that the environment went through; `reviewed_by` is who looked at it afterwards."""

    by: str = Field(alias="emergency")
    environment: str
    reviewed_by: str | None = None


def _verb(value: Any) -> str:
    """The first key of an edit says what it does."""
    return next(iter(value), "") if isinstance(value, dict) else type(value).__name__


Said = ProposeAs | Approve | AskForChanges | PastEmergency
"""What people do about a change, which no file shows."""

Edit = Annotated[
    Annotated[SetValue, Tag("set")]
    | Annotated[TakeAway, Tag("unset")]
    | Annotated[RepeatItem, Tag("repeat")]
    | Annotated[ReplaceText, Tag("replace")]
    | Annotated[WriteFile, Tag("write")]
    | Annotated[RemoveFile, Tag("remove")]
    | Annotated[MoveFile, Tag("move")]
    | Annotated[CopyFile, Tag("copy")]
    | Annotated[LinkFile, Tag("link")]
    | Annotated[CutFile, Tag("truncate")]
    | Annotated[FlipByte, Tag("corrupt")]
    | Annotated[BreakHeader, Tag("scramble")]
    | Annotated[Retrain, Tag("retrain")]
    | Annotated[SetAdapterConfig, Tag("configure")]
    | Annotated[Reseal, Tag("reseal")]
    | Annotated[SignWeights, Tag("sign")]
    | Annotated[AddSubmodule, Tag("submodule")]
    | Annotated[Vanish, Tag("vanish")]
    | Annotated[WithoutPackage, Tag("without")]
    | Annotated[Wait, Tag("wait")]
    | Annotated[Merge, Tag("merge")]
    | Annotated[ProposeAs, Tag("author")]
    | Annotated[Approve, Tag("approve")]
    | Annotated[AskForChanges, Tag("object")]
    | Annotated[PastEmergency, Tag("emergency")],
    Discriminator(_verb),
]


class Example(_Strict):
    """What a rule refuses and what it accepts.

    `base` are the edits that the trusted branch already has (rules about changes only). `exit_status` is that of
    `interlock check` on the failing side: 1 refused, 4 could not be evaluated, 0 a warning. `also` names other rules
    that the failing side cannot help breaking. `today` is the day of the check, `deep` its option.
    `printed` is what the checker says, and is compared with what it really says.
    """

    caption: str
    exit_status: Literal[0, 1, 4] = Field(default=1, alias="exit")
    deep: bool = False
    today: dt.date | None = None
    also: frozenset[str] = frozenset()
    base: tuple[Edit, ...] = ()
    failing: tuple[Edit, ...]
    passing: tuple[Edit, ...]
    printed: str = ""


@cache
def example_ids() -> frozenset[str]:
    """The ids of the rules that have an example."""
    names = (entry.name for entry in resources.files("interlock.rules").joinpath(FOLDER).iterdir())
    return frozenset(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def example_path(rule: str) -> str:
    """Where the example of a rule lies, from the root of this project."""
    return f"tools/interlock/rules/{FOLDER}/{rule}{_SUFFIX}"


def read_example(rule: str) -> Example:
    """The example of a rule of `example_ids()`.

    Raises:
        ValueError: the file is not an example.
    """
    data = resources.files("interlock.rules").joinpath(FOLDER, f"{rule}{_SUFFIX}").read_bytes()
    return Example.model_validate(read_yaml(data, example_path(rule)).value)


def steps(at: str) -> tuple[str | int, ...]:
    """`people.0.roles` as the steps to a value."""
    return tuple(int(step) if re.fullmatch(r"[0-9]+", step) else step for step in at.split("."))
