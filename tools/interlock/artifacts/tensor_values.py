"""The values of the tensors, looked at on request: NaN and infinity, and tensors that are zero throughout.

Called by the checker's deep pass and by register. Reads every byte once, a mebibyte at a time; numpy is imported
inside. bfloat16 and float8, which numpy lacks, are judged by their bits, and so are the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from interlock.artifacts.digests import CHUNK, Progress
from interlock.artifacts.plain_files import open_plain
from interlock.artifacts.tensor_table import Tensor, TensorTable
from interlock.errors import ArtifactCorrupt


@dataclass(frozen=True, slots=True)
class ValueReport:
    """Names of tensors, sorted. `not_judged` have a dtype whose NaN and infinity are not looked for."""

    non_finite: tuple[str, ...]
    all_zero: tuple[str, ...]
    not_judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bits:
    """How a float type spells: `magnitude` masks the sign off, all bits of `special` set means NaN or infinity."""

    word: str
    magnitude: int
    special: int


_FLOATS: Mapping[str, _Bits] = {
    "F64": _Bits("<u8", 0x7FFF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000),
    "F32": _Bits("<u4", 0x7FFF_FFFF, 0x7F80_0000),
    "F16": _Bits("<u2", 0x7FFF, 0x7C00),
    "BF16": _Bits("<u2", 0x7FFF, 0x7F80),
    "F8_E5M2": _Bits("u1", 0x7F, 0x7C),
    "F8_E4M3": _Bits("u1", 0x7F, 0x7F),
}
_WHOLE_NUMBERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})
_RAW = _Bits("u1", 0xFF, 0)


def scan_values(source: Path | BinaryIO, table: TensorTable, progress: Progress | None = None) -> ValueReport:
    """Look at every value of the file behind `table`: a path (no link), or a stream at the start of the file.

    Tensors without elements are in no list.

    Raises:
        ArtifactCorrupt: the file ends before its tensors do.
    """
    if isinstance(source, Path):
        with open_plain(source.parent.resolve(), source.name) as stream:
            return scan_values(stream, table, progress)
    _skip(source, table.data_start)
    tensors = sorted(table.tensors.values(), key=lambda tensor: (tensor.begin, tensor.end))
    zero, special = [], []
    for tensor in tensors:
        is_zero, is_special = _look_at(source, tensor)
        zero += [tensor.name] * is_zero
        special += [tensor.name] * is_special
        if progress:
            progress(table.data_start + tensor.end, table.file_size)
    unknown = (t.name for t in tensors if t.dtype not in _FLOATS and t.dtype not in _WHOLE_NUMBERS)
    return ValueReport(tuple(sorted(special)), tuple(sorted(zero)), tuple(sorted(unknown)))


def _skip(stream: BinaryIO, count: int) -> None:
    while count:
        count -= len(_piece(stream, count, "the header"))


def _look_at(stream: BinaryIO, tensor: Tensor) -> tuple[bool, bool]:
    """Whether all values of a tensor are zero, and whether one is NaN or infinite."""
    import numpy as np

    bits = _FLOATS.get(tensor.dtype, _RAW)
    word = np.dtype(bits.word)
    left, zero, special = tensor.end - tensor.begin, True, False
    if not left:
        return False, False
    rest = b""
    while left:
        piece = _piece(stream, left, tensor.name)
        left -= len(piece)
        data = rest + piece
        whole = len(data) - len(data) % word.itemsize
        rest = data[whole:]
        magnitude = np.frombuffer(data, word, whole // word.itemsize) & word.type(bits.magnitude)
        zero = zero and not magnitude.any()
        if bits.special:
            mask = word.type(bits.special)
            special = special or bool(((magnitude & mask) == mask).any())
    return zero, special


def _piece(stream: BinaryIO, wanted: int, name: str) -> bytes:
    piece = stream.read(min(wanted, CHUNK))
    if not piece:
        raise ArtifactCorrupt(
            f"the file ends inside {name}, {wanted} bytes before its end",
            expected="the bytes that its header promises",
            remedy="copy the file again from where it was trained",
        )
    return piece
