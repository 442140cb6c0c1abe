"""The proposal that every transition rule's cases start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.changes import Proposal


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    """A valid repository, all merged, and nothing proposed yet."""
    return Proposal.begin(tmp_path / "repository")
