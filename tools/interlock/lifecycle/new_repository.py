"""Lays out a new repository: called by `interlock init`.

Copies the template beside this module into a directory. Refuses a directory that already holds one of the files, and
leaves nothing half-written: when one file cannot be written, those written before it are removed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from interlock.errors import InterlockError
from interlock.history.repository import GitRepository

ENVIRONMENTS = ("dev", "staging", "production")
_TEMPLATE = "repository_template"
_DOTTED = {"gitignore": ".gitignore", "gitattributes": ".gitattributes"}
_KEPT_EMPTY = ("adapters", "bases", *(f"environments/{name}/pointers" for name in ENVIRONMENTS))
_MAY_BE_THEIRS = ("README.md", ".gitignore", ".gitattributes")
"""Files that most repositories already have: an existing one stays as it is."""


@dataclass(frozen=True, slots=True)
class NewRepository:
    """What was laid out: `written` and `left` (already there, not touched) are paths below `root`."""

    root: Path
    written: tuple[str, ...]
    left: tuple[str, ...]
    git_created: bool
    attributes: str
    """The lines that git needs in `.gitattributes`, for a person who has such a file already."""


def template() -> dict[str, str]:
    """Path → text of every file of a new repository."""
    found = dict(_walk(files("interlock.lifecycle") / _TEMPLATE, ""))
    return {**found, **{f"{folder}/.gitkeep": "" for folder in _KEPT_EMPTY}}


def lay_out(directory: Path) -> NewRepository:
    """Write a new repository into `directory`, and make it a git repository if it is not inside one.

    Raises:
        InterlockError: `directory` is a file, or already holds one of the files.
    """
    contents = template()
    left = tuple(path for path in _MAY_BE_THEIRS if (directory / path).exists())
    _refuse_conflicts(directory, [path for path in contents if path not in left])
    wanted = {path: text for path, text in contents.items() if path not in left}
    with _nothing_half_written(directory) as created:
        directory.mkdir(parents=True, exist_ok=True)
        _write_all(directory, wanted, created)
        git_created = GitRepository.create_unless_inside(directory)
    return NewRepository(directory, tuple(sorted(wanted)), left, git_created, contents[".gitattributes"])


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f"{prefix}{_DOTTED.get(item.name, item.name)}"
        if item.is_dir():
            yield from _walk(item, f"{name}/")
        else:
            yield name, item.read_text(encoding="utf-8")


def _refuse_conflicts(directory: Path, paths: list[str]) -> None:
    if directory.exists() and not directory.is_dir():
        raise InterlockError(f"{directory} is a file", expected="a directory, or a name that is still free")
    taken = [path for path in paths if (directory / path).exists() or (directory / path).is_symlink()]
    if taken:
        shown = ", ".join(taken[:5]) + (f" and {len(taken) - 5} more" if len(taken) > 5 else "")
        raise InterlockError(
            f"{directory} already holds {shown}",
            expected="a directory without these files: nothing was written",
            remedy="choose another directory, or run `interlock check` if this already is an Interlock repository",
        )


def _write_all(directory: Path, contents: Mapping[str, str], created: list[Path]) -> None:
    for path, text in contents.items():
        target = directory / path
        missing = [parent for parent in target.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            created.append(parent)
        with target.open("x", encoding="utf-8", newline="\n") as stream:
            created.append(target)
            stream.write(text)


@contextmanager
def _nothing_half_written(directory: Path) -> Iterator[list[Path]]:
    """Collects what is created, and removes exactly that when the block fails."""
    created = [path for path in (directory, *directory.parents) if not path.exists()][::-1]
    try:
        yield created
    except BaseException:
        for path in reversed(created):
            if path.is_dir():
                with suppress(OSError):  # something else was put there meanwhile: it is not ours to remove
                    path.rmdir()
            else:
                path.unlink(missing_ok=True)
        raise
