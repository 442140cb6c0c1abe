"""Options of the commands that sign statements and exchange them: approve, attest, emergency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def key_option(command: F) -> F:
    """`--key FILE`: the SSH key to sign with."""
    return click.option(
        "--key",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The SSH key to sign with (default: git's user.signingkey).",
    )(command)


def target_option(command: F) -> F:
    """`--target BRANCH`: the branch that a change is for."""
    return click.option(
        "--target", metavar="BRANCH", help="The branch it is for (default: the one that BASE names, or main)."
    )(command)


def fetch_option(command: F) -> F:
    """`--fetch REMOTE`: get the statements of others first."""
    return click.option("--fetch", "source", metavar="REMOTE", help="First get what others signed, from this remote.")(
        command
    )


def push_option(command: F) -> F:
    """`--push REMOTE`: bring the statement to where others see it."""
    return click.option(
        "--push", "remote", metavar="REMOTE", help="Then bring it to this remote, united with what is there."
    )(command)


def yes_option(command: F) -> F:
    """`--yes`: do not ask."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")(command)
