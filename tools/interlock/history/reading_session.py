"""A stretch of work during which nothing is fetched: what git said once is not asked again, and its readers stay open.

Opened around the judging of one commit, where the same few questions come up in many places and each would start a git
of its own. Outside of a session nothing is remembered. A session belongs to the thread that opened it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from interlock.history.git_command import Git

T = TypeVar("T")


@dataclass(frozen=True)
class OpenReader:
    """A running `git cat-file --batch` that has answered everything it was asked; `ending` ends it."""

    process: subprocess.Popen[bytes]
    ending: ExitStack


@dataclass
class _Session:
    answers: dict[Hashable, object] = field(default_factory=dict)
    spare: dict[Path, list[OpenReader]] = field(default_factory=dict)


_current: ContextVar[_Session | None] = ContextVar("reading_session", default=None)


@contextmanager
def reading_session() -> Iterator[None]:
    """Remember answers and keep readers open until the block ends; within another session this is that session."""
    if _current.get():
        yield
        return
    session = _Session()
    token = _current.set(session)
    try:
        yield
    finally:
        _current.reset(token)
        for readers in session.spare.values():
            for reader in readers:
                reader.ending.close()


def remembered(git: Git, question: Hashable, answer: Callable[[], T]) -> T:
    """The answer to a question about one repository that cannot change during a session."""
    session = _current.get()
    if session is None:
        return answer()
    key = (git.directory, question)
    if key not in session.answers:
        session.answers[key] = answer()
    return session.answers[key]  # type: ignore[return-value]  # the question says of which type its answer is


def take_reader(git: Git) -> OpenReader | None:
    """A reader of the repository that nobody uses now; whoever takes it ends it or gives it back."""
    session = _current.get()
    spare = session.spare.get(git.directory) if session else None
    return spare.pop() if spare else None


def give_reader_back(git: Git, reader: OpenReader) -> bool:
    """Keep a reader for the next one who needs one; False outside of a session, where it has to be ended."""
    session = _current.get()
    if session is None:
        return False
    session.spare.setdefault(git.directory, []).append(reader)
    return True
