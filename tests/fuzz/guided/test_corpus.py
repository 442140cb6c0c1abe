"""What the coverage-guided fuzzer starts from and what it has found, read again in every run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.guided.targets import TARGETS
from fuzz.reading import read_or_told, table_or_corrupt

CORPUS = Path(__file__).with_name("corpus")
KEPT = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_kept_bytes_violate_nothing(kept: Path) -> None:
    TARGETS[kept.parent.name](kept.read_bytes())


def test_every_target_has_a_corpus_and_words() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
    assert {path.stem for path in CORPUS.with_name("words").iterdir()} == TARGETS.keys()


@pytest.mark.parametrize("kept", sorted(CORPUS.glob("document/valid-*")), ids=lambda path: path.name)
def test_a_valid_document_to_start_from_is_read(kept: Path) -> None:
    assert read_or_told(kept.read_bytes())


def test_a_valid_header_to_start_from_is_read() -> None:
    assert table_or_corrupt((CORPUS / "header" / "framed").read_bytes())
