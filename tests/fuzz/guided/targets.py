"""What the coverage-guided fuzzer calls with bytes, by name; `test_corpus.py` calls it with the kept ones."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.reading import read_or_told, table_or_corrupt


def document(data: bytes) -> None:
    """Any bytes as a document."""
    read_or_told(data)


def header(data: bytes) -> None:
    """Any bytes as a safetensors file; and again as a header (up to the first NUL) and data, with a true length."""
    table_or_corrupt(data)
    text, _, tensors = data.partition(b"\0")
    table_or_corrupt(len(text).to_bytes(8, "little") + text + tensors)


TARGETS: dict[str, Callable[[bytes], None]] = {"document": document, "header": header}
