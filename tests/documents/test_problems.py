"""Problems of documents that are not in a repository, and values that no YAML file can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from interlock.documents.kinds.node import Node
from interlock.documents.layout import classify
from interlock.documents.positions import Problem
from interlock.documents.problems import problems_of
from interlock.documents.reading import read_document
from interlock.documents.wording import field_text, shortened, value_text
from interlock.documents.yaml_reader import read_yaml

CASES = Path(__file__).parent / "cases"
EXAMPLES = sorted(CASES.glob("example-*"))

NODE = """\
kind: Node
name: gpu-1
environment: production
remote: {url: "ssh://git.example.com/adapters"}
engine: {kind: vllm, url: "http://127.0.0.1:8000"}
"""


def problems_with(text: str) -> list[Problem]:
    document = read_yaml(text.encode("utf-8"), "node.yaml")
    with pytest.raises(ValidationError) as caught:
        Node.model_validate(document.value)
    return problems_of(caught.value, document, Node, "node.yaml")


@pytest.mark.parametrize(
    ("old", "new", "place", "expected"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "node.yaml:5:27", "an address such as http://127.0.0.1:8000"),
        ("kind: vllm", "kind: dynamo", "node.yaml:5:16", "vllm, embedded, sglang, lorax, tgi or nim"),
        ("gpu-1", "GPU 1", "node.yaml:2:7", "1 to 63 lower-case letters"),
        ("name: gpu-1", 'name: gpu-1\nstate: "a\\nb"', "node.yaml:3:8", "a path without control characters"),
        ("name: gpu-1", 'name: gpu-1\nstate: ""', "node.yaml:3:8", "text that is not empty"),
        ("name: gpu-1", "name: gpu-1\ndrain: 30", "node.yaml:3:8", "a whole number and a unit"),
    ],
)
def test_a_flaw_of_a_nodes_settings_is_told_in_plain_words(old: str, new: str, place: str, expected: str) -> None:
    (problem,) = problems_with(NODE.replace(old, new))
    assert str(problem.place) == place
    assert expected in problem.expected
    assert "^" not in problem.expected


def test_text_is_shown_short_and_on_one_line() -> None:
    assert shortened("a\nb\u202e") == "a\\nb\\u202e"
    assert shortened("x" * 81) == "x" * 80 + "…"
    assert field_text(("a", 0, "b\n")) == "a[0].b\\n"
    assert field_text(()) == ""
    values: tuple[object, ...] = (None, True, {}, [], [1], "7", 7, 1.5)
    shown = [value_text(value) for value in values]
    assert shown == ["nothing", "true", "a mapping", "an empty list", "a list", "'7'", "the number 7", "the number 1.5"]


_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(-1e9, 1e9), st.sampled_from(["", "7", "x", "é", "a b"])
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "revision", "float", "str", "kind", "digest", "7"]), below, max_size=3
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EXAMPLES), _VALUES, st.data())
def test_any_value_in_the_wrong_place_is_told_with_its_place(case: Path, value: object, data: st.DataObject) -> None:
    path = (case / "expected.txt").read_text(encoding="utf-8").splitlines()[0].removeprefix("path: ")
    root = read_yaml((case / "input.yaml").read_bytes(), path).value
    node: Any = root
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = value
    reading = read_document(json.dumps(root, indent=1).encode("utf-8"), path, classify(path))
    assert (reading.document is None) is bool(reading.problems)
    for problem in reading.problems:
        assert problem.place.line >= 1
        assert problem.found.isprintable()
        assert problem.expected
        assert problem.remedy.isprintable()


def test_a_document_with_thousands_of_flaws_is_told_about_in_short() -> None:
    path = "policies/revocations.yaml"
    text = "kind: Revocations\nrevoked:\n" + "- {adaptr: 1}\n" * 10_000
    reading = read_document(text.encode("utf-8"), path, classify(path))
    assert 10 < len(reading.problems) <= 50
