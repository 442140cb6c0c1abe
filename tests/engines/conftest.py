"""Engines and models for the tests of this folder: real processes, real HTTP, answers that are known in advance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import httpx
import pytest

from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from support.engine_clients import address_of, client_of
from support.engine_processes import EngineProcess, start_embedded, start_vllm
from support.telling_adapters import TellingModels, write_repeating_base

STARTERS = {"embedded": start_embedded, "vllm": start_vllm}
ENGINES = [
    pytest.param("embedded", marks=pytest.mark.xdist_group("embedded-engine")),
    pytest.param("vllm", marks=pytest.mark.vllm),
]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> TellingModels:
    """The base and the place of its adapters."""
    root = tmp_path_factory.mktemp("models")
    return TellingModels(write_repeating_base(root / "base"), root)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, models: TellingModels) -> Iterator[EngineProcess]:
    """The embedded engine, or with `-m vllm` the real vLLM, with the routing middleware in front."""
    with STARTERS[request.param](models.base.directory) as process:
        yield process


@pytest.fixture
def driver(engine: EngineProcess) -> Iterator[EngineDriver]:
    """The driver of the running engine; nothing is loaded before or after the test."""
    driver = open_engine(engine.kind, address_of(engine))
    yield driver
    for name in driver.adapters():
        driver.unload(name)
    driver.close()


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[httpx.Client]:
    """What the agent sends by hand: plain HTTP with its token."""
    with client_of(engine) as client:
        yield client


@pytest.fixture
def name() -> Callable[[str], str]:
    """Makes served names that no other test uses."""
    return lambda adapter: f"{adapter.lower()}@{next(_NUMBERS)}-0123456789ab"
