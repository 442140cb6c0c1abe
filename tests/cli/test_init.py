"""`interlock init` as a person sees it."""

from __future__ import annotations

from pathlib import Path

from support.command_line import interlock, interlock_process


def test_a_new_repository_is_laid_out_and_the_next_steps_are_shown(tmp_path: Path) -> None:
    outcome = interlock("init", tmp_path / "new")
    assert outcome.status == 0
    assert (tmp_path / "new" / "environments" / "production" / "environment.yaml").is_file()
    assert "made it a git repository" in outcome.out
    assert f"cd {tmp_path / 'new'}" in outcome.out
    assert "interlock register base" in outcome.out


def test_without_a_directory_the_working_directory_is_used(tmp_path: Path) -> None:
    outcome = interlock_process("init", cwd=tmp_path)
    assert outcome.status == 0
    assert (tmp_path / "policies").is_dir()
    assert "  cd " not in outcome.out


def test_a_second_time_is_refused_and_explained(tmp_path: Path) -> None:
    assert interlock("init", tmp_path / "new").status == 0
    outcome = interlock("init", tmp_path / "new")
    assert outcome.status == 1
    assert "already holds" in outcome.err
    assert "interlock check" in outcome.err


def test_lines_for_an_existing_gitattributes_are_printed(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("*.py diff=python\n")
    outcome = interlock("init", tmp_path)
    assert outcome.status == 0
    assert "artifacts/** -text" in outcome.out
