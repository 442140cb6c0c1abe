"""The YAML reader on bytes that editors cannot hold, on hostile sizes, and on whatever hypothesis thinks of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from interlock.documents.positions import Problem
from interlock.documents.yaml_events import require_c
from interlock.documents.yaml_reader import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_NODES,
    UnreadableDocument,
    YamlDocument,
    read_yaml,
)
from interlock.errors import DocumentError

CASES = sorted((Path(__file__).parent / "cases").glob("*/input.yaml"))
SIZE = MAX_DOCUMENT_BYTES - 10


def refusal(data: bytes | str) -> str:
    """The first problem as `rule line:column found`."""
    with pytest.raises(UnreadableDocument) as caught:
        read_yaml(data if isinstance(data, bytes) else data.encode("utf-8"), "a.yaml")
    first = caught.value.problems[0]
    assert first.place.path == "a.yaml"
    return f"{first.rule} {first.place.line}:{first.place.column} {first.found}"


def test_every_value_and_key_has_its_position() -> None:
    text = "# first\nkind: Pointer\r\nkeep:\n  - '6'\n  - {é: ü, b: [1, 2]}\nlast: |\n  text\n"
    document = read_yaml(text.encode("utf-8"), "a.yaml")
    assert document.value == {"kind": "Pointer", "keep": ["6", {"é": "ü", "b": [1, 2]}], "last": "text\n"}
    assert document.positions.of(()) == (2, 1)
    assert document.positions.of(("kind",)) == (2, 7)
    assert document.positions.of_key(("keep",)) == (3, 1)
    assert document.positions.of(("keep", 0)) == (4, 5)
    assert document.positions.of(("keep", 1, "é")) == (5, 9)
    assert document.positions.of(("keep", 1, "b", 1)) == (5, 19)
    assert document.positions.of_key(("keep", 1, "b")) == (5, 12)
    assert document.positions.of(("last",)) == (6, 7)


def test_a_place_that_is_not_there_has_the_position_of_what_should_hold_it() -> None:
    positions = read_yaml(b"a:\n  b: 1\n", "a.yaml").positions
    assert positions.of(("a", "missing", 3)) == (2, 3)
    assert positions.of_key(("a", "missing")) == (2, 3)


def test_the_text_of_an_unquoted_number_is_kept_as_it_stands_in_the_file() -> None:
    document = read_yaml(b"a: 1.10\nb: [0x1F, 'x']\nc: true\nd:\n", "a.yaml")
    assert document.unquoted == {("a",): "1.10", ("b", 0): "0x1F", ("c",): "true", ("d",): ""}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfkind: x\n", "not-utf8 1:1 the file begins with a byte-order mark"),
        ("kind: x\n".encode("utf-16"), "not-utf8 1:1 the file begins with a byte-order mark"),
        (b"kind: x\nname: caf\xe9\n", "not-utf8 2:10 byte 0xe9 is not UTF-8 text"),
        (b"kind: \x00x\n", "yaml-syntax 1:7 the hidden character U+0000"),
        (b"kind: x\x1b[2J\n", "yaml-syntax 1:8 the hidden character U+001B"),
        ("# a\nname: x\u202ey\n", "yaml-syntax 2:8 the hidden character U+202E"),
        ("# \u2066hidden in a comment\n", "yaml-syntax 1:3 the hidden character U+2066"),
        ("a: x\u200by\n", "yaml-syntax 1:5 the hidden character U+200B"),
        ("a: x\u2028b: y\n", "yaml-syntax 1:5 the hidden character U+2028"),
        ("a: x\x85b: y\n", "yaml-syntax 1:5 the hidden character U+0085"),
        ("a: 1\n\ufeffb: 2\n", "yaml-syntax 2:1 the hidden character U+FEFF"),
        ("a: 1\rb: 2\n", "yaml-syntax 1:5 the hidden character U+000D"),
        ("a: \ue000\n", "yaml-syntax 1:4 the hidden character U+E000"),
        ('a: "\\uE000"\n', "yaml-syntax 1:5 the hidden character \\uE000"),
        ('a: "\\0"\n', "yaml-syntax 1:4 the hidden character U+0000 inside quoted text"),
        ('"\\u202e": 1\n', "yaml-syntax 1:1 the hidden character U+202E inside quoted text"),
        (b"", "yaml-syntax 1:1 the file is empty"),
        (b"\n\n", "yaml-syntax 1:1 the file is empty"),
        (b"just text\n", "yaml-syntax 1:1 the document is not a mapping"),
        (b"*a : 1\n", "yaml-anchor 1:1 the alias *a"),
        (b"&a : 1\n", "yaml-anchor 1:1 the anchor &a"),
        (b"x: &a [1]\n", "yaml-anchor 1:4 the anchor &a"),
        (b"x: !!set {a}\n", "yaml-tag 1:4 the tag !!set"),
        (b"{[a]: 1}\n", "complex-key 1:2 a list or mapping as a key"),
        (b"{{a: 1}: 1}\n", "complex-key 1:2 a list or mapping as a key"),
    ],
)
def test_a_file_that_hides_something_is_refused(data: bytes | str, expected: str) -> None:
    assert refusal(data) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * SIZE, f"document-too-deep 1:{MAX_DEPTH + 1}"),
        ("{a: " * 1000, f"document-too-deep 1:{4 * MAX_DEPTH + 1}"),
        ("- " * 1000, f"document-too-deep 1:{2 * MAX_DEPTH + 1}"),
        ("".join(" " * depth + "a:\n" for depth in range(1000)), f"document-too-deep {MAX_DEPTH + 1}"),
        ("a: [" + "1," * (SIZE // 2 - 10) + "]", "document-too-large 1:"),
        ("-\n" * (SIZE // 2), f"document-too-large {MAX_NODES}:"),
        ("a: 1\n" * (SIZE // 5), "duplicate-key 2:1"),
        ("---\n" * (SIZE // 4), "several-documents 2:1"),
        ("a: " + "1" * SIZE, "ambiguous-scalar 1:4"),
        ("a: 1." + "9" * 1_000_000 + "e+9", "ambiguous-scalar 1:4"),
        ("a: " + "&x " * 1000, "yaml-anchor 1:4"),
        ("a: &a [x,x]\n" + "".join(f"{c}: &{c} [*a,*a]\n" for c in "bcdefghij"), "yaml-anchor 1:4"),
        ("? " * (SIZE // 2), "complex-key 1:3"),
        (":" * SIZE, "yaml-syntax 1:"),
        ('a: "' + "x\n" * (SIZE // 2 - 4), "yaml-syntax 1:4"),
        ("#" * (MAX_DOCUMENT_BYTES + 1), "document-too-large 0:0"),
    ],
)
def test_a_hostile_file_is_refused_before_it_costs_much(text: str, expected: str) -> None:
    told = refusal(text)
    assert told.startswith(expected)
    assert len(told) < 300


def test_as_much_as_the_limits_allow_is_read() -> None:
    items = MAX_NODES - 3  # beside the mapping, its key and the list
    document = read_yaml(("a: [" + "x, " * items + "]").encode(), "a.yaml")
    assert document.value == {"a": ["x"] * items}
    nested = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert read_yaml(nested.encode(), "a.yaml").value["a"]


def test_at_most_twenty_problems_are_told_about_one_file() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read_yaml("".join(f"k{i}: no\n" for i in range(100)).encode(), "a.yaml")
    assert len(caught.value.problems) == 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: sha256:be77, b: 'c':d}", None),
        ("{a: sha256:be77, b: x}", {"a": "sha256:be77", "b": "x"}),
        ("{a: https://x.example/y?z=1&w=2}", {"a": "https://x.example/y?z=1&w=2"}),
        ("a: [x?y, what?, x::y]", {"a": ["x?y", "what?", "x::y"]}),
        ('{"a":1, "b": "x:y?z"}', {"a": 1, "b": "x:y?z"}),
        ("{'a':b:c}", {"a": "b:c"}),
        ("a: x:y\nb:\n  - c:d\ne: |\n  f:g?h\n", {"a": "x:y", "b": ["c:d"], "e": "f:g?h\n"}),
        ("? a\n: b:c\n", {"a": "b:c"}),
        ("a: b # c:d ?e\n", {"a": "b"}),
        ("x:y: 1", {"x:y": 1}),
    ],
)
def test_colons_and_question_marks_inside_text_are_text(text: str, value: object) -> None:
    if value is None:
        assert refusal(text).startswith("yaml-syntax")
    else:
        assert read_yaml(text.encode(), "a.yaml").value == value


def test_the_slow_parser_is_refused_with_the_command_to_run() -> None:
    with pytest.raises(DocumentError, match=r"pip install ruamel\.yaml\.clib"):
        require_c(YAML(typ="safe", pure=True).Parser)


def _reads_or_tells(data: bytes) -> None:
    document, problems = _outcome(data)
    assert (document is None) is bool(problems)
    for problem in problems:
        assert problem.found.isprintable()
        assert problem.remedy.isprintable()
        assert len(problem.found) < 400
    lines = data.count(b"\n") + 1
    for line, column in (*document.positions.values.values(), *document.positions.keys.values()) if document else ():
        assert 1 <= line <= lines + 1  # an empty value at the end stands on the line after
        assert column >= 1


def _outcome(data: bytes) -> tuple[YamlDocument | None, list[Problem]]:
    try:
        return read_yaml(data, "a.yaml"), []
    except UnreadableDocument as refused:
        return None, refused.problems


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_told_about(data: bytes) -> None:
    _reads_or_tells(data)


_PIECES = (
    *(
        "kind",
        "a",
        "b",
        '"7"',
        "'x'",
        "010",
        "yes",
        "~",
        "1e5",
        "sha256:ab",
        "null",
        "|",
        ">",
        "é",
        "%YAML 1.1",
        "!!str",
    ),
    *(": ", ":", "- ", "? ", "?", ", ", "{", "}", "[", "]", "\n", "\n  ", "\n    ", "&a ", "*a", "<<", "#", '"', "'"),
    *(
        "\\",
        "\t",
        "---\n",
        "...\n",
        "\r\n",
        "\u202e",
        "@",
        "`",
        "|2-\n",
        "!",
        "\ue000",
        "\\u0041",
        "\\uE000",
        "=",
        "x" * 30,
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
@example('a: "\\\n')
@example("a: !<x> b")
@example("? |\n  a\n: b")
@example("{? a, b}")
@example("[a: b, ? c : d]")
def test_any_pieces_of_yaml_are_read_or_told_about(text: str) -> None:
    _reads_or_tells(text.encode("utf-8"))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CASES), st.integers(0, 2000), st.integers(0, 20), st.sampled_from(_PIECES))
def test_any_small_damage_to_a_document_is_read_or_told_about(case: Path, start: int, cut: int, piece: str) -> None:
    text = case.read_text(encoding="utf-8")
    _reads_or_tells((text[:start] + piece + text[start + cut :]).encode("utf-8"))
