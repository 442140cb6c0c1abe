"""One real server a kind of address, shared by all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.sources.places import PLACES, Place


@pytest.fixture(scope="session")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    directory: Path = tmp_path_factory.mktemp("places")
    places: dict[str, Place] = {}
    with ExitStack() as stack:
        yield _Lazy(stack, directory, places)


class _Lazy(dict[str, Place]):
    """Places that are started when they are first asked for."""

    def __init__(self, stack: ExitStack, directory: Path, places: dict[str, Place]) -> None:
        super().__init__(places)
        self._stack, self._directory = stack, directory

    def __missing__(self, kind: str) -> Place:
        self[kind] = self._stack.enter_context(PLACES[kind](self._directory))
        return self[kind]


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, _places: dict[str, Place]) -> Iterator[Place]:
    """A place beyond this machine, of each kind in turn; its network is whole at the beginning."""
    found = _places[request.param]
    found.network.heal()
    yield found
    found.network.heal()
