"""Damage to the bytes of any file: flips, cuts, control bytes, byte-order marks, other encodings, other line ends."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

_PIECES: tuple[bytes, ...] = (
    b"\0", b"\x1b[2J", b"\x7f", b"\t", b"\r", b"\n", b"\r\n", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xee\x80\x80", b"---\n", b"...\n", b"%YAML 1.1\n", b"# ", b"&a ",
    b"*a", b"!!str ", b"<<: ", b"? ", b": ",
    b"- ", b"[" * 70, b"{" * 300, b"}", b"]", b'"', b"'", b"|\n", b">", b"\\", b"@", b"`", b",", b"[]",
    b"x" * 2000, b" ", b"  ", b"\\u0000", b"\\ud800",
)  # fmt: skip


def _cut(draw: st.DrawFn, data: bytes) -> bytes:
    begin, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    return draw(st.sampled_from((data[:begin], data[end:], data[:begin] + data[end:], data[begin:end])))


def _insert(draw: st.DrawFn, data: bytes) -> bytes:
    where = draw(st.integers(0, len(data)))
    return data[:where] + draw(st.sampled_from(_PIECES)) + data[where + draw(st.sampled_from((0, 0, 1, 5))) :]


def _flip(draw: st.DrawFn, data: bytes) -> bytes:
    if not data:
        return data
    where = draw(st.integers(0, len(data) - 1))
    return data[:where] + bytes([data[where] ^ 1 << draw(st.integers(0, 7))]) + data[where + 1 :]


def _repeat(draw: st.DrawFn, data: bytes) -> bytes:
    begin, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    return data[:end] + data[begin:end] + data[end:]


def _encode(draw: st.DrawFn, data: bytes) -> bytes:
    text = data.decode("utf-8", errors="replace")
    encoding = draw(st.sampled_from(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "latin-1", "cp037")))
    return text.encode(encoding, errors="replace")


def _line_ends(draw: st.DrawFn, data: bytes) -> bytes:
    return data.replace(b"\n", draw(st.sampled_from((b"\r\n", b"\r", b"\n\n", b"\x0b", b"\xc2\x85", b"\n\t", b"\n "))))


_DAMAGES: tuple[Callable[[st.DrawFn, bytes], bytes], ...] = (
    _cut,
    _insert,
    _insert,
    _flip,
    _flip,
    _repeat,
    _encode,
    _line_ends,
)


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """One of the files with one to three places of damage."""
    data = draw(files)
    for _ in range(draw(st.integers(1, 3))):
        data = draw(st.sampled_from(_DAMAGES))(draw, data)
    return data
