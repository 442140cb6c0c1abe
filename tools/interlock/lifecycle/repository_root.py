"""Finds the repository that a command is about: called by every command except `init`."""

from __future__ import annotations

from pathlib import Path

from interlock.documents.layout import FOLDERS
from interlock.errors import UsageError


def repository_root(start: Path) -> Path:
    """The nearest directory, from `start` upwards, that holds an Interlock tree or is the top of a git repository.

    Raises:
        UsageError: `start` does not exist, or there is no such directory above it.
    """
    if not start.exists():
        raise UsageError(f"{start} does not exist", expected="a directory inside an Interlock repository")
    absolute = start.resolve()
    for directory in (absolute, *absolute.parents):
        if _holds_tree(directory) or (directory / ".git").exists():
            return directory
    if all((absolute / name).exists() for name in ("HEAD", "objects", "refs")):
        raise UsageError(
            f"{absolute} is a bare git repository",
            expected="a clone with a working directory",
            remedy=f"run: git clone {absolute} and check the clone (for one commit: git clone --branch BRANCH)",
        )
    raise UsageError(
        f"{absolute} is not inside an Interlock repository",
        expected="a directory with environments/ and adapters/, or one inside a git repository",
        remedy="run: interlock init my-adapters   (lays out a new repository)",
    )


def _holds_tree(directory: Path) -> bool:
    return (directory / "environments").is_dir() and any(
        (directory / name).is_dir() for name in FOLDERS if name != "environments"
    )
