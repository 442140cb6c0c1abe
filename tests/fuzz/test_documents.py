"""Documents of every kind with anything in them: read, or told about; never an exception, and never another meaning."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.damage import damaged
from fuzz.mutation import mutated, texts
from fuzz.reading import assert_all_told, assert_worded, read_or_told
from fuzz.valid import NODE, Valid, valid_documents
from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.documents.yaml_text import MAX_DOCUMENT_BYTES
from interlock.errors import DocumentError, UsageError
from interlock.sync.settings import load_settings

DOCUMENTS = valid_documents()
_one = st.sampled_from(DOCUMENTS)


@st.composite
def changed_documents(draw: st.DrawFn) -> tuple[str, bytes]:
    """A document of any kind whose values are not what they should be, at its path."""
    document: Valid = draw(_one)
    text = draw(texts(mutated(st.just(document.value))))
    return document.path, text.encode("utf-8", errors="surrogatepass")


@st.composite
def damaged_documents(draw: st.DrawFn) -> tuple[str, bytes]:
    """A document of any kind whose bytes are damaged, at its path."""
    document: Valid = draw(_one)
    return document.path, draw(damaged(st.just(document.data)))


def node_or_error(data: bytes) -> None:
    """Load a node's settings from a file: settings, or an error that says what to do."""
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "node.yaml"
        file.write_bytes(data)
        try:
            load_settings(file)
        except (DocumentError, UsageError) as error:
            assert_worded(error.found, error.expected or error.remedy)


def read_at(path: str, data: bytes) -> None:
    """Read a document where it stands: a document or problems, and each problem is complete."""
    reading = read_document(data, path, classify(path))
    assert (reading.document is None) is bool(reading.problems)
    assert {problem.place.path for problem in reading.problems} <= {path}
    if reading.problems:
        assert_all_told(reading.problems, data)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.path)
def test_what_the_cases_start_from_is_valid(document: Valid) -> None:
    assert read_document(document.data, document.path, classify(document.path)).problems == ()
    assert len(document.data) < MAX_DOCUMENT_BYTES


@cases(2500, changed_documents())
def test_a_document_with_other_values_is_read_or_told_about(case: tuple[str, bytes]) -> None:
    read_at(*case)


@cases(1800, damaged_documents())
def test_a_document_with_damaged_bytes_is_read_or_told_about(case: tuple[str, bytes]) -> None:
    read_at(*case)


@cases(400, texts(mutated(st.just(NODE))).map(lambda text: text.encode("utf-8", errors="surrogatepass")))
def test_node_settings_with_other_values_are_read_or_told_about(data: bytes) -> None:
    node_or_error(data)


@cases(800, st.one_of(changed_documents(), damaged_documents()))
def test_what_is_read_means_the_same_to_other_readers(case: tuple[str, bytes]) -> None:
    read_or_told(case[1])


@cases(
    400,
    texts(mutated(st.sampled_from([{"a": "b", "c": [1, {"d": None}]}, {"a": ["b", 1.5, True]}]))).map(
        lambda text: text.encode("utf-8", errors="surrogatepass")
    ),
)
def test_what_is_read_of_a_small_document_means_the_same_to_other_readers(data: bytes) -> None:
    read_or_told(data)
