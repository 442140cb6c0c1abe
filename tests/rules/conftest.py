"""The repository that every rule's cases start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.repositories import Repository, write_repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A valid repository on disk, all environments on vLLM."""
    return write_repository(tmp_path / "repository")
