"""Engines and models for the tests of this folder: real HTTP, answers that are known in advance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from support.engine_processes import start_embedded, start_vllm
from support.engine_under_test import EngineUnderTest, real_engine, simulated_engine
from support.telling_adapters import TellingModels, write_repeating_base

STARTERS = {"embedded": start_embedded, "vllm": start_vllm}
SIMULATED = ("sglang", "lorax", "tgi", "nim")
ENGINES = [
    pytest.param("embedded", marks=pytest.mark.xdist_group("embedded-engine")),
    *(pytest.param(kind, marks=pytest.mark.xdist_group(f"simulated-{kind}")) for kind in SIMULATED),
    pytest.param("vllm", marks=pytest.mark.vllm),
]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> TellingModels:
    """The base and the place of its adapters."""
    root = tmp_path_factory.mktemp("models")
    return TellingModels(write_repeating_base(root / "base"), root)


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, models: TellingModels, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineUnderTest]:
    """The embedded engine, each simulator behind a gateway, or with `-m vllm` the real vLLM."""
    with running_engine(request.param, models, tmp_path_factory) as engine:
        yield engine


@contextmanager
def running_engine(kind: str, models: TellingModels, places: pytest.TempPathFactory) -> Iterator[EngineUnderTest]:
    """An engine of `kind` until the block ends."""
    root = places.mktemp(kind)
    if kind in SIMULATED:
        with simulated_engine(kind, models, root) as engine:
            yield engine
        return
    with STARTERS[kind](models.base.directory, routes=root / "routes.json") as process:
        yield real_engine(process, root / "routes.json")


@pytest.fixture
def driver(engine: EngineUnderTest) -> Iterator[EngineDriver]:
    """The driver of the running engine; nothing is loaded before or after the test."""
    driver = open_engine(engine.kind, engine.address())
    yield driver
    if driver.capabilities.boot_only:
        engine.bring(driver, {})
    for name in driver.adapters():
        driver.unload(name)
    driver.close()


@pytest.fixture
def client(engine: EngineUnderTest) -> Iterator[httpx.Client]:
    """What the agent sends by hand: plain HTTP with its token, to where clients ask."""
    with engine.client() as client:
        yield client


@pytest.fixture
def name() -> Callable[[str], str]:
    """Makes served names that no other test uses."""
    return lambda adapter: f"{adapter.lower()}@{next(_NUMBERS)}-0123456789ab"
