"""Copies receipts into a directory, each file complete or not there.

    <node>/<chain>-<thousand>/<first>-<last>-<digest>.jsonl

The directory itself must be there: below a file system that is not mounted, nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.durable import write_atomically
from interlock.receipts.push.batch import Batch, ReceiptsNotPushed


@dataclass(frozen=True)
class ToDirectory:
    """One directory for the receipts of many nodes."""

    directory: Path

    @property
    def name(self) -> str:
        """What the place is called in messages."""
        return str(self.directory)

    def send(self, batch: Batch) -> None:
        """Add a batch.

        Raises:
            ReceiptsNotPushed: the directory is not there or cannot be written.
        """
        if not self.directory.is_dir():
            raise ReceiptsNotPushed(f"there is no directory {self.directory}", remedy="mount or make it")
        node = self.directory / batch.first.node
        if node.is_symlink() or (node / batch.folder).is_symlink():
            raise ReceiptsNotPushed(f"{node} leads elsewhere", remedy="find out who made the link, and remove it")
        path = node / batch.folder / batch.name
        try:
            if not path.exists():
                write_atomically(path, batch.data)
                path.chmod(0o644)
        except OSError as error:
            raise ReceiptsNotPushed(f"{self.directory} did not take receipts: {error}") from error

    def close(self) -> None:
        """Nothing is held open."""
