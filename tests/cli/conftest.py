"""The repository that the command tests work on: a real git repository with one commit and a person's identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.repositories import Repository, git_repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = git_repository(tmp_path / "repository")
    for key, value in {"user.name": "Alice", "user.email": "alice@example.com", "commit.gpgsign": "false"}.items():
        made.git("config", key, value)
    return made
