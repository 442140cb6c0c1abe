"""The packages of the container image: those of requirements.lock that the agent needs, with the same hashes.

    PYTHONPATH=tests .venv/bin/python -m support.container_lock     writes packaging/container/requirements.lock again

The dependencies are taken from what is installed, so run it in an environment of `make setup`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "packaging" / "container" / "requirements.lock"
EXTRAS = ("agent", "gateway", "rules", "sources")
BUILD = ("setuptools",)
HEAD = """\
# What the container image installs: the part of requirements.lock that the extras {extras} need, and what
# builds the package. Made by PYTHONPATH=tests .venv/bin/python -m support.container_lock
"""


def container_lock() -> str:
    """The file as it should be."""
    entries = locked(REPOSITORY / "requirements.lock")
    wanted = sorted(_closure() | set(BUILD))
    return HEAD.format(extras=", ".join(EXTRAS)) + "".join(entries[name] for name in wanted)


def locked(path: Path) -> dict[str, str]:
    """Package → its lines in a lock file."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    entries = re.split(r"^(?=\S)", text, flags=re.M)
    return {str(canonicalize_name(entry.partition("==")[0])): entry for entry in entries if entry.strip()}


def _closure() -> set[str]:
    found: set[str] = set()
    waiting = [requirement for extra in EXTRAS for requirement in _of_interlock(extra)]
    while waiting:
        one = waiting.pop()
        name = str(canonicalize_name(one.name))
        if name not in found or one.extras:
            found.add(name)
            waiting += [inner for inner in _of(name, one.extras) if str(canonicalize_name(inner.name)) not in found]
    return found


def _of_interlock(extra: str) -> Iterator[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name == "interlock":
            for inner in requirement.extras:
                yield from _of_interlock(inner)
        else:
            yield requirement


def _of(name: str, extras: set[str]) -> Iterator[Requirement]:
    for text in requires(name) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


if __name__ == "__main__":
    LOCK.write_text(container_lock(), encoding="utf-8")
