"""The notes that reading takes on its way: problems with their places, until it has to stop."""

from __future__ import annotations

from typing import NoReturn

from interlock.documents.positions import Place, Problem

MAX_PROBLEMS = 20


class UnreadableDocument(Exception):
    """The bytes are not a document that everybody reads alike; `problems` has at least one entry."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].found)
        self.problems = problems


class Notes:
    """The problems of one file. A position is line and column from 1, or (0, 0) for the file as a whole."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._problems: list[Problem] = []

    def add(self, rule: str, position: tuple[int, int], found: str, expected: str, remedy: str) -> None:
        """Note a problem and read on.

        Raises:
            UnreadableDocument: that was the twentieth.
        """
        self._problems.append(Problem(rule, Place(self._path, *position), found, expected, remedy))
        if len(self._problems) >= MAX_PROBLEMS:
            raise UnreadableDocument(self._problems)

    def stop(self, rule: str, position: tuple[int, int], found: str, expected: str, remedy: str) -> NoReturn:
        """Note a problem that reading cannot go on after.

        Raises:
            UnreadableDocument: always, with every problem so far.
        """
        self._problems.append(Problem(rule, Place(self._path, *position), found, expected, remedy))
        raise UnreadableDocument(self._problems)

    def finish(self) -> None:
        """Say that everything was read.

        Raises:
            UnreadableDocument: there were problems.
        """
        if self._problems:
            raise UnreadableDocument(self._problems)
