"""docs/cli.md is generated from the help texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.cli.application import COMMANDS
from interlock.cli.reference import main, reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_in_the_repository_is_up_to_date() -> None:
    assert main(["--check", str(PAGE)]) == 0, "run: python -m interlock.cli.reference docs/cli.md"


def test_every_command_has_a_section() -> None:
    text = reference()
    for entry in COMMANDS:
        assert f"## interlock {entry.name}\n" in text
    assert "## interlock register adapter\n" in text


def test_a_page_that_differs_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cli.md").write_text(reference() + "by hand")
    assert main(["--check", str(tmp_path / "cli.md")]) == 1
    assert "python -m interlock.cli.reference" in capsys.readouterr().out


def test_the_page_is_written(tmp_path: Path) -> None:
    assert main([str(tmp_path / "cli.md")]) == 0
    assert main(["--check", str(tmp_path / "cli.md")]) == 0


def test_wrong_use_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().err
