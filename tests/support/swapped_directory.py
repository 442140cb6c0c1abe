"""A directory as git-sync keeps it: each commit in a folder of its own, and a link that is swapped in one step.

synced = SwappedDirectory(tmp_path / "sync", repository)
synced.publish()
synced.link          # what `remote.directory` names
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from support.repositories import Repository


@dataclass
class SwappedDirectory:
    """The working tree of a repository, published as often as a test wants."""

    root: Path
    work: Repository
    _last: Path | None = field(default=None, init=False)

    @property
    def link(self) -> Path:
        """The link that leads to the last state."""
        return self.root / "current"

    def publish(self, name: str = "") -> str:
        """Copy the work tree as it is, swap the link, remove what it led to before; returns the commit's tree id."""
        self.work.commit("whatever was written")
        target = self.root / "worktrees" / (name or self.work.git("rev-parse", "HEAD"))
        shutil.copytree(self.work.root, target, ignore=shutil.ignore_patterns(".git"))
        (target / ".git").write_text("gitdir: elsewhere\n", encoding="ascii")
        self.lead_to(target)
        if self._last and self._last != target:
            shutil.rmtree(self._last)
        self._last = target
        return self.work.git("rev-parse", "HEAD^{tree}")

    def lead_to(self, target: Path) -> None:
        """Swap the link."""
        waiting = self.root / "next"
        waiting.symlink_to(target)
        waiting.replace(self.link)
