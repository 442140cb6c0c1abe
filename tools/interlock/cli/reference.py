"""Writes docs/cli.md from the commands' own help texts: `python -m interlock.cli.reference docs/cli.md`.

With `--check` nothing is written, and exit status 1 says that the file differs from the help texts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.application import interlock

WIDTH = 100
_HEAD = """\
# The command line

Generated from the help texts by `python -m interlock.cli.reference docs/cli.md`; do not edit.

"""


def reference() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "\n".join(_sections(interlock, "interlock", None)) + "\n" + _exit_statuses()


def _sections(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent, **settings)
    yield f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, f"the group lists {name} and does not know it"
            yield from _sections(below, f"{path} {name}", context)


def _exit_statuses() -> str:
    rows = "\n".join(f"| {status} | {meaning} |" for status, meaning in exit_codes.MEANING.items())
    return f"## Exit status\n\nThe same for every command.\n\n| Status | Meaning |\n|---|---|\n{rows}\n"


def main(arguments: list[str]) -> int:
    """Write or check the page; returns the exit status."""
    match arguments:
        case ["--check", path]:
            fresh = Path(path).is_file() and Path(path).read_text(encoding="utf-8") == reference()
            if not fresh:
                print(f"{path} differs from the help texts\n  Next: python -m interlock.cli.reference {path}")
            return exit_codes.CLEAN if fresh else exit_codes.FINDINGS
        case [path] if not path.startswith("-"):
            Path(path).write_text(reference(), encoding="utf-8")
            return exit_codes.CLEAN
        case _:
            print("usage: python -m interlock.cli.reference [--check] PATH", file=sys.stderr)
            return exit_codes.WRONG_USE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
