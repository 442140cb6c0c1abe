"""Writing: an edit touches what it is about and nothing else; a dumped document reads back as itself."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from interlock.documents.fields import Document
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile, PeftSettings, Provenance
from interlock.documents.kinds.pointer import Canary, Pointer
from interlock.documents.layout import MODELS, classify
from interlock.documents.positions import Location
from interlock.documents.reading import read_document
from interlock.documents.writing import dump_document, edit_yaml
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml
from interlock.errors import DocumentError

CASES = Path(__file__).parent / "cases"
GOOD = [case for case in sorted(CASES.iterdir()) if "no problem" in (case / "expected.txt").read_text(encoding="utf-8")]

POINTER = """\
# who serves what: see docs/documents.md
kind: Pointer
adapter: support-bot
active: "7"   # ratified in August

# on trial
canary: {revision: "8", weight: 5, tenants: [acme-internal]}   # until Friday
shadow:
  revision: '9'
  sample: 0.1   # a tenth
keep:
- "6"
- "5"
residency: pinned
"""


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), n=0)
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({("active",): "8"}, ['-active: "7"   # ratified in August\n', '+active: "8"   # ratified in August\n']),
        ({("shadow", "revision"): "10"}, ["-  revision: '9'\n", "+  revision: '10'\n"]),
        ({("shadow", "sample"): 0.25}, ["-  sample: 0.1   # a tenth\n", "+  sample: 0.25   # a tenth\n"]),
        ({("residency",): "lazy"}, ["-residency: pinned\n", "+residency: lazy\n"]),
        ({("residency",): "no"}, ["-residency: pinned\n", '+residency: "no"\n']),
        ({("keep", 1): "4"}, ['-- "5"\n', '+- "4"\n']),
        ({("keep", 2): "4"}, ['+- "4"\n']),
        ({("keep",): ["6"]}, ["-keep:\n", '-- "6"\n', '-- "5"\n', '+keep: ["6"]\n']),
        ({("canary",): None}, [f"-{POINTER.splitlines(keepends=True)[6]}"]),
        ({("shadow",): None}, ["-shadow:\n", "-  revision: '9'\n", "-  sample: 0.1   # a tenth\n"]),
        ({("shadow", "sample"): None}, ["-  sample: 0.1   # a tenth\n"]),
        ({("shadow", "duration"): dt.timedelta(hours=36)}, ["+  duration: 36h\n"]),
        ({("shadow", "pairs"): None}, []),
        ({("nothing", "there"): None}, []),
        ({("active",): "7"}, []),
        ({("extra", "deep"): {"revision": "1", "on": True}}, ['+extra: {deep: {revision: "1", "on": true}}\n']),
    ],
)
def test_an_edit_changes_the_line_it_is_about(changes: dict[Location, object], expected: list[str]) -> None:
    assert changed_lines(POINTER, edit_yaml(POINTER, changes)) == expected


def test_an_edit_inside_brackets_leaves_the_rest_of_the_line() -> None:
    line = POINTER.splitlines()[6]
    edits: dict[str, dict[Location, object]] = {
        line.replace("weight: 5", "weight: 12.5"): {("canary", "weight"): 12.5},
        line.replace('"8"', '"9"'): {("canary", "revision"): "9"},
        line.replace("[acme-internal]", "[acme-internal, beta]"): {("canary", "tenants", 1): "beta"},
        line.replace("[acme-internal]", "[]"): {("canary", "tenants"): []},
        line.replace(", tenants: [acme-internal]", ""): {("canary", "tenants"): None},
        line.replace(" weight: 5,", ""): {("canary", "weight"): None},
        line.replace('revision: "8", ', ""): {("canary", "revision"): None},
        line.replace("]}", "], steps: [5, 25]}"): {("canary", "steps"): (5, 25)},
    }
    for expected, changes in edits.items():
        assert expected in edit_yaml(POINTER, changes)
        assert len(changed_lines(POINTER, edit_yaml(POINTER, changes))) == 2


def test_several_changes_are_made_at_once() -> None:
    after = edit_yaml(POINTER, {("active",): "8", ("canary",): None, ("keep", 0): "7"})
    value = read_yaml(after.encode(), "a.yaml").value
    assert (value["active"], value["keep"]) == ("8", ["7", "5"])
    assert "canary" not in value
    assert "# on trial\n" in after


def test_a_document_can_be_the_new_value() -> None:
    after = edit_yaml(POINTER, {("canary",): Canary(revision="10", weight=2.0, tenants=("acme",))})
    assert 'canary: {revision: "10", weight: 2, tenants: [acme]}   # until Friday\n' in after


def test_windows_line_ends_and_a_missing_last_line_end_stay() -> None:
    text = POINTER.rstrip("\n").replace("\n", "\r\n")
    after = edit_yaml(text, {("active",): "8", ("extra",): "x"})
    assert after == text.replace('active: "7"', 'active: "8"') + "\r\nextra: x\r\n"


def test_an_empty_value_gets_a_value() -> None:
    assert edit_yaml("a:\nb: 1\n", {("a",): "x"}) == "a: x\nb: 1\n"
    assert edit_yaml("a:   # later\n", {("a", "b"): 1}) == "a: {b: 1}   # later\n"
    assert edit_yaml("a: {b, c: 1}\n", {("a", "b"): 2}) == "a: {b: 2, c: 1}\n"
    assert edit_yaml("a: {}\n", {("a", "b"): 2}) == "a: {b: 2}\n"
    assert edit_yaml("a: []\n", {("a", 0): 2}) == "a: [2]\n"


def test_the_last_key_of_a_mapping_leaves_an_empty_mapping() -> None:
    assert edit_yaml("a:\n  b: 1\nc: 2\n", {("a", "b"): None}) == "a: {}\nc: 2\n"
    assert edit_yaml("a: {b: 1}\n", {("a", "b"): None}) == "a: {}\n"


def test_long_text_over_several_lines_is_replaced() -> None:
    text = "a: |\n  one\n  two\n\n# about b\nb: >-\n  three\nc: 'it''s\n  four'\n"
    assert edit_yaml(text, {("a",): "x"}) == text.replace("|\n  one\n  two\n", "x\n")
    assert edit_yaml(text, {("c",): "it's"}) == text.replace("\n  four", "")
    assert edit_yaml(text, {("b",): None}) == text.replace("b: >-\n  three\n", "")


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        (POINTER, {("active", "x"): "1"}, "active.x cannot be changed"),
        (POINTER, {("keep", 3): "1"}, "keep[3] cannot be changed"),
        (POINTER, {("keep", -1): "1"}, "keep[-1] cannot be changed"),
        (POINTER, {("keep", "x"): "1"}, "keep.x cannot be changed"),
        (POINTER, {("keep", 0): None}, "give the whole new list"),
        (POINTER, {(): {}}, "the whole document"),
        (POINTER, {("active",): "bell\a"}, "hidden character"),
        (POINTER, {("residency",): "a\u202eb"}, "hidden character"),
        (POINTER, {("active",): float("inf")}, "active cannot be changed"),
        ("active: no\n", {("active",): "1"}, "no without quotes"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(text: str, changes: dict[Location, object], words: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        edit_yaml(text, changes)
    assert words in str(refusal.value)


_KEYS = st.sampled_from(["a", "b", "c", "on", "7", "x y", "https://x?y", "é", ""])
_VISIBLE = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\ufffc\ufffd")
"""Unicode counts two more among its symbols, and no document may hold them, because nobody sees what they stand for."""
_TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "7",
            "no",
            "~",
            "010",
            "1e5",
            "a: b",
            "# x",
            "it's",
            '"',
            "\\",
            "- x",
            "two\nlines",
            "2026-01-01",
            "[",
            "💡",
        ]
    ),
    st.text(alphabet=_VISIBLE, max_size=12),
)
_SCALARS = st.one_of(_TEXTS, st.integers(-(10**12), 10**12), st.booleans(), st.floats(-1e300, 1e300))
_VALUES = st.recursive(
    _SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_KEYS, below, max_size=3)),
    max_leaves=8,
)


def as_block(value: Any, indent: int = 0) -> str:
    """YAML over many lines, written by nobody's library, with a comment after each scalar."""
    pad = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return pad + pad.join(f"{json.dumps(key)}: {as_block(below, indent + 2)}" for key, below in value.items())
    if isinstance(value, list) and value:
        return pad + pad.join(f"- {as_block(item, indent + 2)}" for item in value)
    if isinstance(value, float):
        return "12.5 # number"
    return json.dumps(value, ensure_ascii=False) + " # said"


def locations(value: Any, here: Location = ()) -> list[Location]:
    """Every place below the root, and one new place in each mapping and list."""
    if isinstance(value, dict):
        below = [place for key, child in value.items() for place in locations(child, (*here, key))]
        return [*([here] if here else []), *below, (*here, "new")]
    if isinstance(value, list):
        below = [place for index, child in enumerate(value) for place in locations(child, (*here, index))]
        return [here, *below, (*here, len(value))]
    return [here]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4), st.booleans(), st.data())
def test_any_value_of_any_document_can_be_replaced_added_or_removed(
    value: dict[str, Any], block: bool, data: st.DataObject
) -> None:
    text = as_block(value).lstrip("\n") + "\n" if block else json.dumps(value, ensure_ascii=False)
    try:
        before = read_yaml(text.encode("utf-8"), "a.yaml").value
    except UnreadableDocument:
        return
    location = data.draw(st.sampled_from(locations(before)))
    new = data.draw(st.one_of(st.none(), _VALUES))
    if isinstance(location[-1], int) and new is None:
        return
    after = edit_yaml(text, {location: new})
    untouched = [line for line in after.splitlines() if line in text.splitlines()]
    if block and new is not None and not isinstance(new, (dict, list)):
        assert len(text.splitlines()) - len(untouched) <= len(as_block(_at(before, location)).splitlines())


def _at(value: Any, location: Location) -> Any:
    for part in location:
        try:
            value = value[part]
        except (KeyError, IndexError):
            return None
    return value


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_dumped_document_reads_back_as_itself(case: Path) -> None:
    path = (case / "expected.txt").read_text(encoding="utf-8").splitlines()[0].removeprefix("path: ")
    document = read_document((case / "input.yaml").read_bytes(), path, classify(path)).document
    assert document is not None
    text = dump_document(document)
    assert read_document(text.encode("utf-8"), path, classify(path)).document == document
    assert dump_document(document) == text
    assert text.splitlines()[0].startswith("kind: ")


def test_a_dumped_pointer_looks_as_a_person_would_write_it() -> None:
    pointer = Pointer(
        kind="Pointer",
        adapter="support-bot",
        active="7",
        canary=Canary(revision="2026-08", weight=5.0, tenants=("acme",), steps=(5.0, 12.5)),
        keep=("6", "rc1"),
    )
    assert dump_document(pointer) == (
        "kind: Pointer\n"
        "adapter: support-bot\n"
        'active: "7"\n'
        'canary: {revision: "2026-08", weight: 5, tenants: [acme], steps: [5, 12.5]}\n'
        'keep: ["6", "rc1"]\n'
        "residency: pinned\n"
    )


def test_files_are_dumped_one_a_line_and_empty_optional_fields_are_left_out() -> None:
    digest = Digest("sha256:" + "0" * 64)
    text = dump_document(ArtifactFile(path="adapter_model.safetensors", digest=digest, size=5_000_000_000))
    assert text == f"path: adapter_model.safetensors\ndigest: {digest}\nsize: 5000000000\n"
    peft = PeftSettings(peft_type="LORA", r=8, lora_alpha=16.0, target_modules=("q_proj",), dtype="float32")
    assert "modules_to_save" not in dump_document(peft)
    assert "rank_pattern" not in dump_document(peft)
    assert "lora_alpha: 16\n" in dump_document(peft)
    assert "use_dora: false\n" in dump_document(peft)


_PARAMETERS = st.dictionaries(_TEXTS, st.one_of(_SCALARS), max_size=5)


@settings(max_examples=200, deadline=None)
@given(_PARAMETERS)
def test_any_hyperparameters_survive_being_dumped(parameters: dict[str, Any]) -> None:
    provenance = Provenance(builder="ci", hyperparameters=parameters)
    again = read_yaml(dump_document(provenance).encode("utf-8"), "a.yaml").value
    assert again.get("hyperparameters", {}) == parameters
    assert {key: type(value) for key, value in again.get("hyperparameters", {}).items()} == {
        key: type(value) for key, value in parameters.items()
    }


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "bell\a", "a\u202eb", "\ue000"])
def test_a_document_that_yaml_cannot_carry_is_refused(value: float | str) -> None:
    try:
        provenance = Provenance(builder="ci", hyperparameters={"x": value})
    except ValidationError:
        return
    with pytest.raises(DocumentError):
        dump_document(provenance)


def test_every_kind_is_a_document() -> None:
    assert all(issubclass(model, Document) for model in MODELS.values())
