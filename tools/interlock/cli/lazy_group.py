"""A click group that imports a sub-command only when it is called.

`interlock --help` and `interlock check` must not pay for what only `sync` or `demo` needs. The group therefore keeps
the one-line help of every command itself; a test compares it with the command's own.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One sub-command: its name, `package.module:attribute`, and its one-line help."""

    name: str
    target: str
    short_help: str

    def load(self) -> click.Command:
        """Import the module and return the click command in it."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group over `CommandEntry`s, listed in the given order."""

    def __init__(self, *, entries: Sequence[CommandEntry], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # click's own keywords, passed on unchanged
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer meets them."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None for an unknown name."""
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run, and suggest one where the name is misspelt."""
        if args and args[0] not in self.entries and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.entries, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"there is no command '{args[0]}'.{hint} Commands: {', '.join(self.entries)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.short_help) for entry in self.entries.values()])
