"""`--report FORMAT=FILE` of `interlock check`: reports beside the one that is printed, so that a workflow checks once.

A report replaces a file that is there, at once and as a whole. It never goes through a link, and never over a directory
or a device: in a checkout of somebody else's change, a link could lead anywhere.
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that somebody asked for: its format, and where it goes."""

    form: str
    path: Path


def report_file(text: str, formats: tuple[str, ...]) -> ReportFile:
    """Read `FORMAT=FILE`; raises ValueError with a message for the person."""
    form, equals, path = text.partition("=")
    if not equals or not path or form not in formats:
        raise ValueError(f"{text!r} is not FORMAT=FILE with one of the formats {', '.join(formats)}")
    return ReportFile(form, Path(path))


def refuse_unsafe(reports: tuple[ReportFile, ...]) -> None:
    """Say before anything is checked that a report cannot be written.

    Raises:
        UsageError: its folder is not there, two reports go to one file, or something that is no file lies in its place.
    """
    for report in reports:
        _refuse(report.path)
    if len({report.path.resolve() for report in reports}) < len(reports):
        raise UsageError("two reports were to go to one file", remedy="give each --report a file of its own")


def _refuse(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder", remedy=f"run: mkdir -p {path.parent}")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise UsageError(
            f"{path} is {kind}",
            expected="a new file, or a report to replace: links are never followed",
            remedy="give another name: --report FORMAT=FILE",
        )


def write_report(path: Path, text: str) -> None:
    """Put `text` (UTF-8) at `path` by a rename, which replaces a link that came in between instead of following it."""
    _refuse(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", errors="backslashreplace"))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
