"""NaN, infinity and untrained tensors, found by their bits."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from interlock.artifacts.digests import CHUNK
from interlock.artifacts.tensor_table import TensorTable, read_header
from interlock.artifacts.tensor_values import ValueReport, scan_values
from interlock.errors import ArtifactCorrupt, ArtifactMissing
from support.adapters import RawTensor, encode_safetensors, encode_values, write_adapter, write_base

FLOATS = ("F64", "F32", "F16", "BF16")


def _scan(tensors: dict[str, RawTensor]) -> ValueReport:
    data = encode_safetensors(tensors)
    return scan_values(io.BytesIO(data), read_header(io.BytesIO(data), len(data)))


def _tensor(dtype: str, *values: float) -> RawTensor:
    return dtype, (len(values),), encode_values(np.array(values, np.float32), dtype)


def _table(path: Path) -> TensorTable:
    with path.open("rb") as stream:
        return read_header(stream, path.stat().st_size)


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_both_infinities_are_found(dtype: str) -> None:
    report = _scan(
        {
            "nan": _tensor(dtype, 1, float("nan")),
            "inf": _tensor(dtype, float("inf"), 0),
            "-inf": _tensor(dtype, 0, float("-inf"), 0),
            "fine": _tensor(dtype, 1, -2, 65504 / 2, 1e-4),
        }
    )
    assert report == ValueReport(non_finite=("-inf", "inf", "nan"), all_zero=())


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_of_both_signs_are_all_zero_and_the_smallest_number_is_not(dtype: str) -> None:
    small = np.nextafter(np.float32(0), np.float32(1))
    values = np.array([0, 2.0**-24 if dtype == "F16" else small], np.float32)
    tiny = encode_values(values, dtype) if dtype != "BF16" else b"\0\0\1\0"
    report = _scan({"zero": _tensor(dtype, 0, -0.0, 0), "tiny": (dtype, (2,), tiny)})
    assert report == ValueReport(non_finite=(), all_zero=("zero",))


def test_every_bfloat16_is_judged_as_its_float32_is() -> None:
    words = np.arange(1 << 16, dtype="<u2")
    finite = np.isfinite((words.astype(np.uint32) << 16).view(np.float32))
    tensors: dict[str, RawTensor] = {f"{w:05}": ("BF16", (1,), w.tobytes()) for w in words[::17]}
    assert _scan(tensors).non_finite == tuple(f"{w:05}" for w in words[::17] if not finite[w])


def test_float8_is_judged_by_its_own_rules() -> None:
    report = _scan(
        {
            "e4m3 largest": ("F8_E4M3", (2,), b"\x7e\xfe"),
            "e4m3 nan": ("F8_E4M3", (1,), b"\xff"),
            "e5m2 infinity": ("F8_E5M2", (1,), b"\xfc"),
            "e5m2 largest": ("F8_E5M2", (1,), b"\x7b"),
        }
    )
    assert report == ValueReport(non_finite=("e4m3 nan", "e5m2 infinity"), all_zero=())


def test_types_whose_nan_is_not_looked_for_are_named() -> None:
    report = _scan({"packed": ("F4", (4,), b"\0\1"), "indices": ("I64", (1,), bytes(8)), "flag": ("BOOL", (1,), b"\1")})
    assert report == ValueReport(non_finite=(), all_zero=("indices",), not_judged=("packed",))


def test_a_tensor_without_elements_is_neither_zero_nor_not() -> None:
    assert _scan({"empty": ("F32", (0, 8), b"")}) == ValueReport((), ())


def test_the_last_value_of_a_large_tensor_counts() -> None:
    count = CHUNK // 2 + 3
    data = bytes(2 * count - 2) + b"\x80\x7f"
    assert _scan({"large": ("BF16", (count,), data)}) == ValueReport(non_finite=("large",), all_zero=())


def test_values_split_between_two_reads_are_put_together() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(3, size if size is not None and size >= 0 else 3))

    data = encode_safetensors({"a": _tensor("F32", 1, 2, float("nan")), "b": _tensor("F64", 0, 0)})
    report = scan_values(Dripping(data), read_header(io.BytesIO(data), len(data)))
    assert report == ValueReport(non_finite=("a",), all_zero=("b",))


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_real_adapter_with_an_untrained_b_and_one_with_a_nan_are_told_apart(tmp_path: Path, dtype: str) -> None:
    config = write_base(tmp_path / "base")
    for name, zero_b, nan in (("good", False, False), ("untrained", True, False), ("broken", False, True)):
        write_adapter(tmp_path / name, base_config=config, dtype=dtype, zero_b=zero_b, nan=nan)
    paths = {name: tmp_path / name / "adapter_model.safetensors" for name in ("good", "untrained", "broken")}
    reports = {name: scan_values(path, _table(path)) for name, path in paths.items()}
    assert reports["good"] == ValueReport((), ())
    assert reports["untrained"].all_zero == tuple(n for n in sorted(_table(paths["good"]).tensors) if "lora_B" in n)
    assert reports["broken"].non_finite == ("base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight",)


def test_progress_reaches_the_size_of_the_file(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "a", base_config=write_base(tmp_path / "b"))
    path = directory / "adapter_model.safetensors"
    calls: list[tuple[int, int]] = []
    scan_values(path, _table(path), lambda done, total: calls.append((done, total)))
    assert calls[-1] == (path.stat().st_size, path.stat().st_size)


def test_a_file_that_was_cut_off_after_its_header_was_read_is_corrupt() -> None:
    data = encode_safetensors({"a": _tensor("F32", 1, 2)})
    table = read_header(io.BytesIO(data), len(data))
    with pytest.raises(ArtifactCorrupt, match="ends inside a, 1 bytes before"):
        scan_values(io.BytesIO(data[:-1]), table)
    with pytest.raises(ArtifactCorrupt, match="ends inside the header"):
        scan_values(io.BytesIO(data[:20]), table)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "a", base_config=write_base(tmp_path / "b"))
    path = directory / "adapter_model.safetensors"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ArtifactMissing, match="links are not followed"):
        scan_values(tmp_path / "link", _table(path))
