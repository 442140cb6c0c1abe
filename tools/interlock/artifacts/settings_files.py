"""Reads what an operator keeps on a machine: settings, with the line of every flaw, and secrets, which are never shown.

Called by the agent for its settings, and by register and the checker for how artifacts are reached.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from interlock.artifacts.durable import read_bounded
from interlock.documents.fields import Document
from interlock.documents.positions import Problem
from interlock.documents.problems import problems_of
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml
from interlock.errors import DocumentError, UsageError

MAX_SETTINGS_BYTES = 1 << 20
MAX_SECRET_BYTES = 16 * 1024

D = TypeVar("D", bound=Document)


def read_settings(path: Path, model: type[D], *, what: str, page: str) -> D:
    """The settings in a file; `what` they are and the `page` that shows them, for who gave another file.

    Raises:
        UsageError: there is no such file.
        DocumentError: it does not hold such settings.
    """
    data = read_bounded(path, limit=MAX_SETTINGS_BYTES)
    if data is None:
        raise UsageError(f"there is no file {path}", expected=what, remedy=f"see {page} for one")
    try:
        yaml = read_yaml(data, str(path))
    except UnreadableDocument as error:
        raise _invalid(error.problems[0]) from error
    try:
        return model.model_validate(yaml.value)
    except ValidationError as error:
        raise _invalid(problems_of(error, yaml, model, str(path))[0]) from error


def read_secret(path: Path, *, variable: str = "a variable") -> str:
    """The one line of a file that nobody but its owner can read; `variable` may hold it instead.

    Raises:
        UsageError: others can read it, or it holds no such line.
    """
    try:
        with path.open("rb") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                remedy = f"run: chmod 600 {path}   (or take it out of the settings and set {variable} instead)"
                raise UsageError(f"{path} can be read by other users", expected="a secret of one user", remedy=remedy)
            data = stream.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        found = f"the secret in {path} cannot be read: {error.strerror}"
        raise UsageError(found, remedy="correct the path or the file") from error
    text = data.decode("ascii", errors="replace").strip()
    if not text or len(data) > MAX_SECRET_BYTES or not text.isascii() or not text.isprintable():
        expected = f"one line of 1 to {MAX_SECRET_BYTES} printable ASCII characters"
        raise UsageError(f"{path} does not hold one printable secret", expected=expected)
    return text


def _invalid(problem: Problem) -> DocumentError:
    return DocumentError(f"{problem.place}: {problem.found}", expected=problem.expected, remedy=problem.remedy)
