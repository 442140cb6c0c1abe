"""A remote, a developer's clone and an agent's mirror of it, all of them real."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.history.mirror import Mirror, Remote
from support.git_remotes import MirrorOf, Published, publish


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """A remote with one empty commit, and a clone of it."""
    return publish(tmp_path)


@pytest.fixture
def mirror_of(tmp_path: Path) -> MirrorOf:
    """Makes a mirror of an address in a directory of its own; the same one for the same address."""

    def make(url: str, *, branch: str = "main", token: str = "", timeout: float = 20.0) -> Mirror:
        return Mirror(tmp_path / "state" / "mirror", Remote(url, branch, token), timeout=timeout)

    return make


@pytest.fixture
def mirror(published: Published, mirror_of: MirrorOf) -> Mirror:
    """The mirror of `published`, nothing fetched yet."""
    return mirror_of(published.url)
