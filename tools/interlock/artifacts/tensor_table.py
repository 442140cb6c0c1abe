"""The header of a safetensors file: which tensors it holds and where, read without the tensors themselves.

Called by the checker, by register and by the description of a base. Accepts less than the safetensors library does:
also refused are repeated names, unknown keys, unprintable names, and headers over 16 MiB (a LoRA needs about 60 KB).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from interlock.artifacts.strict_json import read_object
from interlock.errors import ArtifactCorrupt

MAX_HEADER_BYTES = 16 << 20
LENGTH_BYTES = 8

DTYPE_BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
_MAX_ELEMENTS = 1 << 56
_METADATA = "__metadata__"
_KEYS = frozenset({"dtype", "shape", "data_offsets"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `dtype` as safetensors writes it (`BF16`), `begin` and `end` in bytes from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class TensorTable:
    """The header of one file. `header_size` is the length of its JSON, `file_size` that of the file, both in bytes."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    header_size: int
    file_size: int

    @property
    def data_start(self) -> int:
        """Where in the file the tensors begin, in bytes."""
        return LENGTH_BYTES + self.header_size


def read_header(stream: BinaryIO, file_size: int, *, label: str = "the safetensors file") -> TensorTable:
    """Read the header at the start of `stream`, of a file of `file_size` bytes; `label` names the file in messages.

    Reads at most 16 MiB and never the tensors.

    Raises:
        ArtifactCorrupt: the header is cut off, too large or not well formed, or the tensors that it promises do not
            fill the rest of the file exactly, without overlap and without a hole.
    """
    length = int.from_bytes(_exactly(stream, LENGTH_BYTES, label), "little")
    if length > MAX_HEADER_BYTES:
        raise _corrupt(label, f"its header claims {length} bytes", f"at most {MAX_HEADER_BYTES} bytes")
    if LENGTH_BYTES + length > file_size:
        raise _corrupt(
            label, f"its header ends at byte {LENGTH_BYTES + length}, the file at {file_size}", "a whole file"
        )
    text = _exactly(stream, length, label)
    if not text.startswith(b"{"):
        raise _corrupt(label, "its header does not begin with '{'", "a JSON object")
    header = read_object(text, f"the header of {label}", parse_int=_unsigned)
    metadata = _metadata(header.pop(_METADATA, {}), label)
    tensors = {name: _tensor(name, fields, label) for name, fields in header.items()}
    _check_layout(tensors, file_size - LENGTH_BYTES - length, label)
    return TensorTable(tensors, metadata, length, file_size)


def _exactly(stream: BinaryIO, count: int, label: str) -> bytes:
    parts: list[bytes] = []
    missing = count
    while missing:
        part = stream.read(missing)
        if not part:
            raise _corrupt(label, f"it ends {missing} bytes before its header does", f"{count} bytes more")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _unsigned(text: str) -> int:
    if text.startswith("-") or len(text) > 19:
        raise ValueError(f"{text[:40]} is not a size")
    return int(text)


def _metadata(value: Any, label: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _corrupt(label, f"its {_METADATA} is not a mapping of text to text", "text values only")
    return value


def _tensor(name: str, fields: Any, label: str) -> Tensor:
    if not name or not name.isprintable():
        raise _corrupt(label, f"a tensor is named {name!r}", "a printable name")
    if not isinstance(fields, dict) or fields.keys() != _KEYS:
        raise _corrupt(label, f"tensor {name} is not described by dtype, shape and data_offsets", "exactly these keys")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _corrupt(label, f"tensor {name} has the dtype {dtype!r}", ", ".join(DTYPE_BITS))
    if not _are_sizes(shape):
        raise _corrupt(label, f"tensor {name} has the shape {shape!r}", "a list of sizes")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _corrupt(label, f"tensor {name} has the data_offsets {offsets!r}", "where it begins and where it ends")
    begin, end = offsets
    _check_span(name, dtype, shape, end - begin, label)
    return Tensor(name, dtype, tuple(shape), begin, end)


def _are_sizes(value: Any) -> bool:
    # `type() is int`: True is an int to isinstance.
    return isinstance(value, list) and all(type(item) is int for item in value)


def _check_span(name: str, dtype: str, shape: list[int], span: int, label: str) -> None:
    elements = 1
    for size in shape:
        elements *= size
        if elements > _MAX_ELEMENTS:  # on the way, as the library computes it: a later zero does not excuse
            raise _corrupt(label, f"tensor {name} has the shape {shape!r}", "a tensor that fits into memory")
    bits = elements * DTYPE_BITS[dtype]
    if bits != span * 8:
        raise _corrupt(
            label, f"tensor {name} takes {span} bytes", f"{-(-bits // 8)} bytes for {dtype} of shape {shape!r}"
        )


def _check_layout(tensors: Mapping[str, Tensor], data_size: int, label: str) -> None:
    position = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != position:
            what = "overlaps the one before it" if tensor.begin < position else "leaves a hole before it"
            raise _corrupt(label, f"tensor {tensor.name} {what}", f"it to begin at byte {position} of the data")
        position = tensor.end
    if position != data_size:
        what = "is cut off" if position > data_size else "goes on after its last tensor"
        raise _corrupt(label, f"it {what}: {data_size} bytes of data", f"{position} bytes, as its header says")


def _corrupt(label: str, why: str, expected: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{label} cannot be read: {why}", expected=expected, remedy="copy the file again from where it was trained"
    )
