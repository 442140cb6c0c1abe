"""Real vLLM engines for the tests of this folder, one at a time and as few as possible: each takes half a minute."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.adapters import write_adapter
from support.engine_processes import EngineLimits
from support.living_clone import LivingClone
from support.living_example import LivingExample, living_example
from support.vllm_serving import LIMITS, Serving, serving_vllm

MakeAdapter = Callable[..., Path]


class OneEngine:
    """Holds at most one vLLM; asking for the other kind, or after a test has killed it, starts a new one."""

    def __init__(self, base: Path, scratch: Callable[[], Path]) -> None:
        self._base = base
        self._scratch = scratch
        self._stack = ExitStack()
        self._running: tuple[bool, Serving] | None = None

    def get(self, *, guarded: bool) -> Serving:
        """A living engine, with or without the routing middleware in front."""
        if self._running and self._running[0] == guarded and self._running[1].engine.alive():
            return self._running[1]
        self.stop()
        serving = self._stack.enter_context(serving_vllm(self._base, self._scratch(), guarded=guarded))
        self._running = guarded, serving
        return serving

    def stop(self) -> None:
        """Stop what runs."""
        self._running = None
        self._stack.close()


@pytest.fixture(scope="session")
def example() -> LivingExample:
    """The trained base and adapters of this repository."""
    return living_example()


@pytest.fixture(scope="session")
def one_engine(example: LivingExample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneEngine]:
    """The engine that the tests share."""
    engine = OneEngine(example.base, lambda: tmp_path_factory.mktemp("vllm"))
    yield engine
    engine.stop()


@pytest.fixture
def guarded(one_engine: OneEngine) -> Iterator[Serving]:
    """vLLM as Interlock wants it: with the routing middleware. Nothing is loaded before or after the test."""
    serving = one_engine.get(guarded=True)
    yield serving
    serving.reset()


@pytest.fixture
def unguarded(one_engine: OneEngine) -> Serving:
    """vLLM as it comes; a test may kill it."""
    return one_engine.get(guarded=False)


@pytest.fixture
def base_config(example: LivingExample) -> Mapping[str, Any]:
    """The `config.json` of the base."""
    config = json.loads((example.base / "config.json").read_text())
    assert isinstance(config, dict)
    return config


@pytest.fixture
def make_adapter(base_config: Mapping[str, Any], tmp_path: Path) -> MakeAdapter:
    """Write an adapter with random weights for the base of the example; arguments as `write_adapter` takes them."""
    return lambda name, **arguments: write_adapter(tmp_path / name, **{"base_config": base_config, **arguments})


@pytest.fixture
def fill_cache(make_adapter: MakeAdapter) -> Callable[[Serving], None]:
    """Load and use so many other adapters that vLLM evicts every adapter that was loaded before."""

    def fill(serving: Serving) -> None:
        for number in range(LIMITS.max_cpu_loras):
            directory = make_adapter(f"filler-{number}", seed=number)
            assert serving.load_by_hand(f"filler-{number}", directory).status_code == 200
            serving.ask_by_name(f"filler-{number}")

    return fill


@pytest.fixture
def clone(example: LivingExample, tmp_path: Path) -> LivingClone:
    """The living example in a repository of its own; its environment `staging` is served by vLLM."""
    clone = LivingClone.make(tmp_path / "repository", example)
    staging = clone.repository.read("environments/staging/environment.yaml")
    limits = {name: staging["engine"][name] for name in ("max_loras", "max_cpu_loras", "max_lora_rank")}
    assert EngineLimits(**limits) == LIMITS, "the engines of these tests are started as the environment says"
    return clone
