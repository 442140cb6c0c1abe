"""The command as such: help, lazy imports, exit statuses, what is said when something is missing or broken."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from interlock.cli import exit_codes
from interlock.cli.application import COMMANDS
from interlock.cli.application import interlock as application
from interlock.cli.lazy_group import CommandEntry, LazyGroup
from interlock.errors import (
    ArtifactUnreachable,
    DocumentError,
    EngineUnreachable,
    InterlockError,
    RemoteUnreachable,
    UsageError,
)
from support.command_line import interlock, interlock_process

HEAVY = ("torch", "transformers", "peft", "httpx", "rich", "numpy", "starlette", "uvicorn", "safetensors")


def imported_by(*words: str) -> set[str]:
    """Top-level packages that are loaded after a command ran in a fresh interpreter."""
    program = (
        "import sys; from interlock.cli.main import main; status = main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(status)"
    )
    finished = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    return set(finished.stderr.splitlines()[-1].split())


def all_entries() -> list[CommandEntry]:
    """Every command, those of groups included."""
    groups = [command for entry in COMMANDS if isinstance(command := entry.load(), LazyGroup)]
    return [*COMMANDS, *(entry for group in groups for entry in group.entries.values())]


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    for entry in all_entries():
        command = entry.load()
        assert command.name == entry.name
        assert command.short_help
        assert command.short_help.removesuffix(".").startswith(entry.short_help.removesuffix(".")), entry


def test_every_command_explains_itself_and_its_options() -> None:
    for entry in all_entries():
        command = entry.load()
        context = click.Context(
            command, info_name=entry.name, parent=click.Context(application, **application.context_settings)
        )
        assert len(command.get_help(context).splitlines()) > 8
        for option in (parameter for parameter in command.params if isinstance(parameter, click.Option)):
            assert option.help, f"{entry.name} {option.opts}"


def test_every_command_that_does_something_shows_an_example() -> None:
    for entry in all_entries():
        command = entry.load()
        assert isinstance(command, LazyGroup) or entry.name == "status" or "Examples:" in (command.help or ""), entry


def test_help_lists_the_commands_without_importing_them() -> None:
    outcome = interlock("--help")
    assert outcome.status == 0
    assert all(f"  {entry.name} " in outcome.out for entry in COMMANDS)
    assert not imported_by("--help") & {*HEAVY, "pydantic"}


def test_check_imports_nothing_that_only_other_commands_need(tmp_path: Path) -> None:
    assert interlock("init", tmp_path / "new").status == 0
    assert not imported_by("check", str(tmp_path / "new")) & set(HEAVY)


def test_the_version_is_printed() -> None:
    assert interlock("--version").out.startswith("interlock ")


def test_a_misspelt_command_gets_a_suggestion() -> None:
    outcome = interlock("chek")
    assert outcome.status == exit_codes.WRONG_USE
    assert "Did you mean 'check'?" in outcome.err


def test_a_missing_argument_is_wrong_use() -> None:
    outcome = interlock("promote")
    assert outcome.status == exit_codes.WRONG_USE
    assert "ADAPTER" in outcome.err


def test_a_malformed_name_says_what_a_name_looks_like() -> None:
    outcome = interlock("promote", "Support_Bot", "1", "--to", "dev")
    assert outcome.status == exit_codes.WRONG_USE
    assert "lower-case letters, digits and hyphens" in outcome.err


def test_a_base_without_a_revision_is_wrong_use() -> None:
    outcome = interlock("register", "adapter", ".", "--adapter", "a", "--revision", "1", "--base", "llama")
    assert outcome.status == exit_codes.WRONG_USE
    assert "llama@1" in outcome.err


def test_a_group_without_a_command_shows_its_help() -> None:
    outcome = interlock("register")
    assert outcome.status == exit_codes.WRONG_USE
    assert "adapter" in outcome.err
    assert "base" in outcome.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), 2),
        (ArtifactUnreachable("x"), 4),
        (RemoteUnreachable("x"), 4),
        (EngineUnreachable("x"), 4),
        (DocumentError("x"), 1),
        (InterlockError("x"), 1),
    ],
)
def test_an_error_on_purpose_has_the_exit_status_of_its_kind(error: InterlockError, status: int) -> None:
    assert exit_codes.of_error(error) == status


def test_every_exit_status_is_explained() -> None:
    used = {exit_codes.CLEAN, exit_codes.FINDINGS, exit_codes.WRONG_USE, exit_codes.NOTHING_CHECKED}
    assert {*used, exit_codes.COULD_NOT_EVALUATE, exit_codes.OUR_BUG} == set(exit_codes.MEANING)


def interlock_with(failure: str, *, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `interlock boom`, a command whose body is `failure`, through the real entry point."""
    program = f"""
import sys, types, click
from interlock.cli import application, main
from interlock.cli.lazy_group import CommandEntry
module = types.ModuleType("boom")
@click.command()
def boom():
    {failure}
module.boom = boom
sys.modules["boom"] = module
application.interlock.entries["boom"] = CommandEntry("boom", "boom:boom", "Fail.")
sys.exit(main.main(["boom"]))
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_a_bug_of_ours_is_said_to_be_one_without_a_traceback() -> None:
    outcome = interlock_with("return {}['key']")
    assert outcome.returncode == exit_codes.OUR_BUG
    assert "KeyError" in outcome.stderr
    assert "INTERLOCK_TRACEBACK=1" in outcome.stderr
    assert "issue tracker" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_traceback_is_shown_on_request() -> None:
    outcome = interlock_with("return {}['key']", environment={"INTERLOCK_TRACEBACK": "1"})
    assert outcome.returncode == exit_codes.OUR_BUG
    assert "Traceback" in outcome.stderr


def test_a_missing_package_says_which_extra_brings_it() -> None:
    outcome = interlock_with("raise ModuleNotFoundError('No module', name='transformers.models')")
    assert outcome.returncode == exit_codes.WRONG_USE
    assert 'pip install ".[tokenizer]"' in outcome.stderr


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    outcome = interlock_with("import interlock.nothing_here")
    assert outcome.returncode == exit_codes.OUR_BUG


def test_a_core_install_says_how_to_install_the_command_line() -> None:
    program = "import sys; sys.modules['click'] = None; from interlock.cli.main import main; sys.exit(main(['check']))"
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == exit_codes.WRONG_USE
    assert 'pip install ".[check]"' in outcome.stderr


def test_a_file_that_this_user_cannot_read_is_not_our_bug() -> None:
    outcome = interlock_with("raise PermissionError(13, 'Permission denied', '/secret')")
    assert outcome.returncode == exit_codes.COULD_NOT_EVALUATE
    assert "/secret: Permission denied" in outcome.stderr


@pytest.mark.parametrize("error", ["PermissionError(13, 'No', 'a\\n::error::x\\x1b[2J')", "KeyError('a\\n::error::x')"])
def test_a_name_in_an_error_fakes_no_line(error: str) -> None:
    outcome = interlock_with(f"raise {error}")
    assert "a\\n::error::x" in outcome.stderr
    assert "\n::error" not in outcome.stderr
    assert "\x1b" not in outcome.stderr


def test_an_interruption_ends_quietly() -> None:
    outcome = interlock_with("raise KeyboardInterrupt")
    assert outcome.returncode == exit_codes.INTERRUPTED
    assert outcome.stderr.strip() == "interrupted"


def test_a_closed_pipe_ends_quietly() -> None:
    outcome = interlock_with("raise BrokenPipeError")
    assert outcome.returncode == exit_codes.BROKEN_PIPE
    assert outcome.stderr == ""


def test_an_error_on_purpose_says_what_was_found_expected_and_next() -> None:
    outcome = interlock_with(
        "from interlock.errors import HistoryError; "
        "raise HistoryError('git failed:\\n\\x1b[31mred', expected='a commit', remedy='run: git fetch')"
    )
    assert outcome.returncode == exit_codes.FINDINGS
    assert outcome.stderr == ("error: git failed:\n    \\x1b[31mred\n  Expected: a commit\n  Next: run: git fetch\n")


def test_the_module_is_the_console_script() -> None:
    assert interlock_process("--version").out.startswith("interlock ")


def on_a_terminal(*words: str, environment: Mapping[str, str]) -> bytes:
    """What a command writes when its standard output is a terminal."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "interlock.cli.main", *words]
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(command, stdout=theirs, env={**kept, "TERM": "xterm", **environment}) as process:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # reading a terminal ends with an error once the other side is closed
            while piece := os.read(ours, 65536):
                written += piece
        process.wait(timeout=60)
    os.close(ours)
    return written


def test_colour_is_for_terminals_only(tmp_path: Path) -> None:
    assert interlock("init", tmp_path / "new").status == 0
    assert "\x1b[" not in interlock("check", tmp_path / "new").out
    assert b"\x1b[" in on_a_terminal("check", str(tmp_path / "new"), environment={})
    assert b"\x1b[" not in on_a_terminal("check", str(tmp_path / "new"), environment={"NO_COLOR": "1"})
    assert b"\x1b[" not in on_a_terminal("check", str(tmp_path / "new"), environment={"TERM": "dumb"})
