"""Strings and numbers as SSH writes them (RFC 4251), read strictly. Called by its neighbours."""

from __future__ import annotations

from interlock.errors import SignatureInvalid


def string(value: bytes) -> bytes:
    """A string as SSH writes it: its length in four bytes, and it."""
    return len(value).to_bytes(4, "big") + value


class WireReader:
    """Reads a blob from its start to its end; `what` names it in errors.

    Every method raises `SignatureInvalid` where the blob ends too early or holds what cannot be read in one way only.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._at, self._what = data, 0, what

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self._data) - self._at:
            raise SignatureInvalid(f"{self._what} breaks off after {len(self._data)} bytes")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def number(self) -> int:
        """The next four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """The next string."""
        return self.take(self.number())

    def positive(self) -> int:
        """The next whole number above zero, of any length."""
        data = self.string()
        if not data or data[0] & 0x80 or (value := int.from_bytes(data, "big")) == 0:
            raise SignatureInvalid(f"{self._what} holds a number that is not above zero")
        return value

    def end(self) -> None:
        """Refuse what follows."""
        if left := len(self._data) - self._at:
            raise SignatureInvalid(f"{self._what} goes on for {left} bytes after its end")
