"""What every source offers to the store and to the checker: names with sizes, and files to read from any byte on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

UNKNOWN_SIZE = -1


class ArtifactFiles(Protocol):
    """The files of one artifact, at the place that its address names. Nothing of them is verified yet.

    Several threads may use one at a time, each with streams of its own.
    """

    @property
    def label(self) -> str:
        """How to name this place to a person."""

    def sizes(self) -> Mapping[str, int]:
        """The regular files that are there: name → bytes, or `UNKNOWN_SIZE` where only reading would tell.

        Raises:
            ArtifactMissing: nothing is there.
            ArtifactUnreachable: the place cannot be read.
        """

    def open(self, name: str, *, start: int = 0) -> AbstractContextManager[BinaryIO]:
        """Open one file for reading from the byte `start` on; use as a context manager.

        The stream ends where the file ends, or one byte after the size that the manifest promises; one that breaks off
        raises `ArtifactUnreachable` from `read` and never ends early. At `start` = size there is nothing left to read.

        Raises:
            ArtifactMissing: there is no regular file of that name.
            ArtifactUnreachable: it cannot be read now; time may heal that.
            ArtifactCorrupt: what is there cannot be the promised file.
            RangeNotSupported: this place gives out whole files only; open it again from 0.
        """
