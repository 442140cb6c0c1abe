"""The header reader against real files, hostile headers, and the safetensors library itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from interlock.artifacts.tensor_table import DTYPE_BITS, MAX_HEADER_BYTES, Tensor, TensorTable, read_header
from interlock.errors import ArtifactCorrupt
from support.adapters import encode_safetensors, with_header, write_adapter, write_base

ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
TEXT = json.dumps(ONE)


def _read(data: bytes) -> TensorTable:
    return read_header(io.BytesIO(data), len(data))


def _accepted_by_the_library(data: bytes) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(data)
        file.flush()
        try:
            with safe_open(file.name, framework="numpy") as opened:
                list(opened.keys())
        except (SafetensorError, OSError):
            return False
    return True


def _header(value: Any, data: bytes = b"") -> bytes:
    return with_header(value if isinstance(value, str) else json.dumps(value), [data])


def test_a_real_adapter_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "a", base_config=write_base(tmp_path / "b"), dtype="BF16")
    path = directory / "adapter_model.safetensors"
    with path.open("rb") as stream:
        table = read_header(stream, path.stat().st_size)
        assert stream.tell() == table.data_start
    with safe_open(path, framework="numpy") as opened:
        assert set(opened.keys()) == set(table.tensors)
        assert dict(opened.metadata()) == dict(table.metadata) == {"format": "pt"}
        for name, tensor in table.tensors.items():
            assert tuple(opened.get_slice(name).get_shape()) == tensor.shape
            assert opened.get_slice(name).get_dtype() == tensor.dtype == "BF16"


def test_only_the_header_is_read() -> None:
    whole = encode_safetensors({"a": ("F32", (250_000,), bytes(1_000_000))})
    header_only = whole[: len(whole) - 1_000_000]
    table = read_header(io.BytesIO(header_only), len(whole))
    assert table.tensors == {"a": Tensor("a", "F32", (250_000,), 0, 1_000_000)}
    assert table.data_start == len(header_only)
    assert table.file_size == len(whole)


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_every_dtype_of_the_library_is_known(dtype: str) -> None:
    span = 8 * DTYPE_BITS[dtype] // 8
    data = _header({"a": {"dtype": dtype, "shape": [2, 4], "data_offsets": [0, span]}}, bytes(span))
    assert _accepted_by_the_library(data)
    assert _read(data).tensors["a"].dtype == dtype


def test_a_stream_that_gives_few_bytes_at_a_time_is_read_to_the_end_of_the_header() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(3, size if size is not None and size >= 0 else 3))

    data = _header({"a": ONE}, bytes(4))
    assert set(read_header(Dripping(data), len(data)).tensors) == {"a"}


REFUSED: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "ends 8 bytes before"),
    "half a length": (b"\x10\0\0", "ends 5 bytes before"),
    "a header that is cut off": (_header({"a": ONE}, bytes(4))[:20], "ends at byte"),
    "a header that claims everything": (b"\xff" * 8 + b"{}", "claims 18446744073709551615 bytes"),
    "a header just over the limit": ((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), "claims 16777217 bytes"),
    "an empty header": (bytes(8), "does not begin with"),
    "a blank before the header": (_header(f' {{"a":{TEXT}}}', bytes(4)), "does not begin with"),
    "an array": (_header([1]), "does not begin with"),
    "no JSON": (_header("{nothing}"), "Expecting property name"),
    "Latin-1": (b"\x08" + bytes(7) + b'{"\xe9":{}}', "not UTF-8"),
    "half a surrogate pair": (_header(f'{{"\\ud800":{TEXT}}}', bytes(4)), "surrogates not allowed"),
    "deep nesting": (_header('{"a":' + "[" * 200_000 + "]" * 200_000 + "}"), "nested too deeply"),
    "a repeated tensor": (_header(f'{{"a":{TEXT},"a":{TEXT}}}', bytes(4)), "'a' is there"),
    "a repeated field": (
        _header('{"a":{"dtype":"F32","d\\u0074ype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
        "'dtype' is there twice",
    ),
    "an unknown field": (_header({"a": {**ONE, "order": "C"}}, bytes(4)), "not described by"),
    "a missing field": (_header({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)), "not described by"),
    "a tensor that is a list": (_header({"a": ["F32", [1], [0, 4]]}, bytes(4)), "not described by"),
    "a name without letters": (_header({"": ONE}, bytes(4)), "is named ''"),
    "a name that moves the cursor": (_header({"\x1b[2J": ONE}, bytes(4)), "is named"),
    "metadata that is no text": (_header({"__metadata__": {"a": 1}, "a": ONE}, bytes(4)), "text to text"),
    "metadata that is a list": (_header({"__metadata__": [], "a": ONE}, bytes(4)), "text to text"),
    "an unknown dtype": (_header({"a": {**ONE, "dtype": "F31"}}, bytes(4)), "has the dtype 'F31'"),
    "a dtype that is a list": (_header({"a": {**ONE, "dtype": ["F32"]}}, bytes(4)), "has the dtype"),
    "NaN": (_header('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4)), "NaN is not"),
    "minus zero": (_header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}', bytes(4)), "-0 is not a size"),
    "a negative size": (_header({"a": {**ONE, "shape": [-1]}}, bytes(4)), "-1 is not a size"),
    "a huge number": (_header('{"a":{"dtype":"F32","shape":[' + "9" * 5000 + '],"data_offsets":[0,4]}}'), "not a size"),
    "a fraction": (_header({"a": {**ONE, "data_offsets": [0, 4.0]}}, bytes(4)), "has the data_offsets"),
    "true for one": (_header({"a": {**ONE, "shape": [True]}}, bytes(4)), "has the shape"),
    "three offsets": (_header({"a": {**ONE, "data_offsets": [0, 4, 8]}}, bytes(8)), "has the data_offsets"),
    "an overflow hidden by a zero": (
        _header({"a": {"dtype": "F32", "shape": [2**62, 4, 0], "data_offsets": [0, 0]}}),
        "fits into memory",
    ),
    "a shape larger than its bytes": (_header({"a": {**ONE, "shape": [2]}}, bytes(4)), "takes 4 bytes"),
    "an end before the beginning": (_header({"a": {**ONE, "data_offsets": [4, 0]}}, bytes(4)), "takes -4 bytes"),
    "an overlap": (_header({"a": ONE, "b": ONE}, bytes(4)), "overlaps the one before"),
    "a hole": (_header({"a": ONE, "b": {**ONE, "data_offsets": [8, 12]}}, bytes(12)), "leaves a hole"),
    "a hole at the start": (_header({"a": {**ONE, "data_offsets": [4, 8]}}, bytes(8)), "leaves a hole"),
    "bytes after the last tensor": (_header({"a": ONE}, bytes(5)), "goes on after"),
    "tensors that are cut off": (_header({"a": ONE}, bytes(3)), "is cut off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_is_refused_that_has(case: str) -> None:
    data, why = REFUSED[case]
    with pytest.raises(ArtifactCorrupt, match=why) as caught:
        _read(data)
    assert caught.value.expected
    assert caught.value.remedy or "header of" in caught.value.found


def test_the_message_names_the_file() -> None:
    with pytest.raises(ArtifactCorrupt, match=r"adapter_model\.safetensors cannot be read: it ends 8 bytes"):
        read_header(io.BytesIO(b""), 0, label="adapter_model.safetensors")


def test_a_hostile_header_of_the_largest_size_costs_little_memory_and_time() -> None:
    program = """
import io, sys
from pathlib import Path
from interlock.artifacts.tensor_table import MAX_HEADER_BYTES, read_header
from interlock.errors import ArtifactCorrupt
for unit in (b'[],', b'{},', b'"",', b'257,', b'"ab":{},', b'1.5,', b'[[],[],[],[]],', b'"' + b'a' * 90 + b'",'):
    text = b'{"a":[' + unit * ((MAX_HEADER_BYTES - 64) // len(unit)) + b'0]}'
    data = len(text).to_bytes(8, "little") + text
    try:
        read_header(io.BytesIO(data), len(data))
    except ArtifactCorrupt:
        continue
    sys.exit(f"accepted {unit}")
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout.split()[1]) < 200 * 1024  # KiB


_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
_dtypes = st.sampled_from(sorted(DTYPE_BITS))
_shapes = st.lists(st.integers(0, 5), max_size=3)


@st.composite
def _files(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A well-formed header as a value, and the data that belongs to it."""
    header: dict[str, Any] = {}
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.dictionaries(_names, _names, max_size=2))
    position = 0
    for name in draw(st.lists(_names.filter(lambda n: n != "__metadata__"), max_size=4, unique=True)):
        dtype, shape = draw(_dtypes), draw(_shapes)
        bits = DTYPE_BITS[dtype]
        for size in shape:
            bits *= size
        if bits % 8:
            shape, bits = [*shape, 8], bits * 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + bits // 8]}
        position += bits // 8
    return header, bytes(position)


_ATOMS: tuple[str, ...] = (
    "0", "-0", "1", "-1", "4", "4.0", "1e0", "18446744073709551615", "18446744073709551616", "9223372036854775808",
    "null", "true", "NaN", "Infinity", '""', '"F32"', '"f32"', "[]", "[0]", "{}", '"\\ud800"', '"\\u0000"', "[0,0,0]",
)  # fmt: skip


def _structural(draw: st.DrawFn, header: dict[str, Any]) -> dict[str, Any]:
    """Change one number or field of a tensor, or copy a tensor."""
    names = [name for name in header if name != "__metadata__"]
    if not names:
        return header
    changed = json.loads(json.dumps(header))
    fields = changed[draw(st.sampled_from(names))]
    key = draw(st.sampled_from(("shape", "data_offsets", "dtype", "new", "drop", "copy")))
    if key == "new":
        fields["extra"] = 1
    elif key == "drop":
        fields.pop(draw(st.sampled_from(sorted(fields))))
    elif key == "copy":
        changed["copied"] = fields
    elif key == "dtype":
        fields["dtype"] = draw(_dtypes)
    elif fields[key]:
        index = draw(st.integers(0, len(fields[key]) - 1))
        fields[key][index] += draw(st.sampled_from((-8, -4, -1, 1, 4, 8, 2**31, 2**62, 2**63)))
    return dict(changed)


def _textual(draw: st.DrawFn, text: str) -> str:
    """Replace, insert or repeat a piece of the header's text."""
    if not text:
        return text
    begin = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(begin, min(len(text), begin + 6)))
    return text[:begin] + draw(st.sampled_from((*_ATOMS, "", " ", "\0", ",", "}", text[begin:end] * 2))) + text[end:]


@st.composite
def _corruptions(draw: st.DrawFn) -> bytes:
    header, data = draw(_files())
    if draw(st.booleans()):
        header = _structural(draw, header)
    text = json.dumps(header, ensure_ascii=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 2))):
        text = _textual(draw, text)
    encoded = text.encode("utf-8", "surrogatepass")
    length = len(encoded) + draw(st.sampled_from((0, 0, 0, 0, -1, 1, 7, 2**40)))
    data = data + bytes(draw(st.sampled_from((0, 0, 0, 1)))) if draw(st.booleans()) else data[draw(st.integers(0, 1)) :]
    return max(length, 0).to_bytes(8, "little") + encoded + data


def _check_against_the_library(data: bytes) -> bool:
    try:
        table = _read(data)
    except ArtifactCorrupt:
        return False
    assert _accepted_by_the_library(data), data
    assert table.file_size == len(data)
    return True


_DIFFERENTIAL: Callable[..., Any] = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@_DIFFERENTIAL
@given(_corruptions())
def test_nothing_is_accepted_that_the_library_refuses(data: bytes) -> None:
    _check_against_the_library(data)


@_DIFFERENTIAL
@given(st.binary(max_size=64))
def test_bytes_at_random_raise_nothing_but_corrupt(data: bytes) -> None:
    _check_against_the_library(data)


@_DIFFERENTIAL
@given(_files())
def test_well_formed_files_are_accepted(file: tuple[dict[str, Any], bytes]) -> None:
    header, data = file
    printable = all(name.isprintable() for name in header)
    assert _check_against_the_library(_header(header, data)) is printable
