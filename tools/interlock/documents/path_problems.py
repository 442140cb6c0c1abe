"""What is wrong with the paths of a tree, before any file is read; the snapshot calls it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from unicodedata import normalize

from interlock.documents.fields import relative_path
from interlock.documents.layout import FOLDERS, PathClass, Standing, unsafe_names
from interlock.documents.positions import Place, Problem
from interlock.documents.tree import REGULAR, SUBMODULE, SYMLINK, Entry, names_in, paths_below

_BELOW_FOLDERS = tuple(f"{folder}/" for folder in FOLDERS)


def is_ours(path: str) -> bool:
    """Whether a path is one of our folders or below one, also when it is spelled in another case (`Adapters/…`)."""
    return path.startswith(_BELOW_FOLDERS) or _folded(path.partition("/")[0]) in FOLDERS


def shown_path(path: str) -> str:
    """A path that is safe to print: what is not printable appears as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)


def entry_problems(entry: Entry, expected: PathClass) -> list[Problem]:
    """What is wrong with one path of ours: a link, a submodule, an unsafe name or a file that nothing reads."""
    place = Place(shown_path(entry.path))
    if entry.kind == SYMLINK:
        remedy = f"replace the link by the file itself: git rm {place.path}"
        return [Problem("symlink-in-tree", place, f"{place.path} is a symbolic link", "a regular file", remedy)]
    if entry.kind == SUBMODULE:
        remedy = f"move the submodule out of {place.path.partition('/')[0]}/: git rm {place.path}"
        return [Problem("submodule-in-tree", place, f"{place.path} is a submodule", "a regular file", remedy)]
    if entry.kind != REGULAR:
        found = f"{place.path} is of the kind {entry.kind}"
        return [Problem("unexpected-file", place, found, "a regular file", f"remove it: git rm {place.path}")]
    if expected.standing in (Standing.UNEXPECTED, Standing.OUTSIDE):
        return [_unexpected(place, expected)]
    return _unsafe(entry.path, place, expected)


def name_collisions(paths: Iterable[str]) -> Iterator[Problem]:
    """A problem for each file or folder that another file system would take for one before it.

    `adapters/Bot/…` and `adapters/bot/…` are one folder where case does not matter: one problem, at the first file.
    """
    spellings: dict[str, str] = {}
    last = ""
    for path in sorted(paths):
        folder, _, _ = path.rpartition("/")
        parts = path.split("/")
        start = len(parts) if folder == last else 1  # the folders above were just looked at
        last = folder
        for end in range(start, len(parts) + 1):
            part = parts[end - 1]
            folded = _folded("/".join(parts[:end]))
            other = spellings.get(folded, part)
            spellings[folded] = part
            if other != part:
                yield _collision(path, "/".join(parts[:end]), "/".join((*parts[: end - 1], other)))
                break


def like_named(entries: Mapping[str, Entry], touched: Iterable[str]) -> set[str]:
    """The paths that may collide with a touched one: those of the same folder of ours and the same name in it.

    One path of every other folder of ours stands for all of them, in case that it is spelled in two ways.
    """
    wanted = {tuple(_folded(path).split("/")[:2]) for path in touched}
    found: set[str] = set()
    for folder in names_in(entries, ""):
        if _folded(folder) in FOLDERS:
            inner = [name for name in names_in(entries, folder) if (_folded(folder), _folded(name)) in wanted]
            found.update(path for name in inner for path in _at_or_below(entries, f"{folder}/{name}"))
            found.update(islice(paths_below(entries, f"{folder}/"), 1))
    return found


def _at_or_below(entries: Mapping[str, Entry], path: str) -> Iterator[str]:
    return iter((path,)) if path in entries else paths_below(entries, f"{path}/")


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


def _collision(path: str, spelling: str, other: str) -> Problem:
    found = f"{shown_path(spelling)} and {shown_path(other)} are one name where upper and lower case are the same"
    expected = "names that differ in more than case or the way an accent is stored"
    return Problem("case-collision", Place(shown_path(path)), found, expected, "rename one of the two: git mv")


def _unexpected(place: Place, expected: PathClass) -> Problem:
    found = f"{place.path} is not a document, nor in a place for other files"
    wanted = expected.expected or f"lower-case {place.path.partition('/')[0].lower()}/"
    ending = " (documents end in .yaml)" if place.path.endswith((".yml", ".json", "~", ".bak", ".swp", ".orig")) else ""
    return Problem("unexpected-file", place, found, wanted + ending, f"move, rename or remove it: git rm {place.path}")


def _unsafe(path: str, place: Place, expected: PathClass) -> list[Problem]:
    complaints = unsafe_names(expected)
    try:
        relative_path(path)
    except ValueError as error:
        complaints.append(f"{place.path}: {error}")
    wanted = "a path whose names are lower-case letters, digits and hyphens"
    return [Problem("unsafe-name", place, text, wanted, f"rename it: git mv {place.path}") for text in complaints[:1]]
