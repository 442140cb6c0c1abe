"""Everything here runs many generated cases, and therefore in a stage of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is below this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.generated)
