"""What vLLM 0.32 does to people who drive it by hand: the reasons for the agent's rules, seen on the real engine.

Two of these tests kill their engine. They stand last, so that the file needs two engines.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from support.engine_processes import wait_until
from support.living_example import LivingExample
from support.vllm_serving import Serving

pytestmark = pytest.mark.vllm

DEATH_S = 30.0


def _dies(serving: Serving) -> bool:
    """Whether the whole engine goes down, the base included."""
    wait_until(lambda: not serving.engine.alive(), within=DEATH_S, what="the engine's process ended")
    with pytest.raises(httpx.TransportError):
        serving.complete("tiny")
    return True


def test_the_api_key_guards_inference_but_not_the_adapters(unguarded: Serving, example: LivingExample) -> None:
    directory = str(example.adapter("support-bot", "2"))
    assert unguarded.anyone.get("/v1/models").status_code == 401
    added = unguarded.anyone.post("/adapters", json={"name": "intruder", "src": directory})
    assert added.status_code == 200
    assert unguarded.driver.adapters() == {"intruder": directory}
    assert unguarded.anyone.delete("/adapters/intruder").status_code == 200
    assert unguarded.driver.adapters() == {}


def test_a_model_name_is_joined_to_a_directory_unchecked(
    unguarded: Serving, make_adapter: Callable[..., Path], example: LivingExample
) -> None:
    outside = make_adapter("outside", config_overrides={"base_model_name_or_path": str(example.base)})
    climbing = "../" * 20 + str(outside).lstrip("/")
    assert unguarded.complete(climbing).status_code == 200
    assert climbing in unguarded.driver.adapters()
    unguarded.reset()


def test_deleting_the_directory_of_an_evicted_adapter_kills_the_engine_at_its_next_request(
    unguarded: Serving, example: LivingExample, tmp_path: Path, fill_cache: Callable[[Serving], None]
) -> None:
    directory = Path(shutil.copytree(example.adapter("support-bot", "2"), tmp_path / "collected-too-early"))
    assert unguarded.load_by_hand("support-bot", directory).status_code == 200
    fill_cache(unguarded)
    shutil.rmtree(directory)
    assert unguarded.complete("support-bot").status_code == 500
    assert _dies(unguarded)


def test_an_adapter_loaded_in_place_is_read_from_disk_while_it_serves_and_kills_the_engine_when_it_is_gone(
    unguarded: Serving, example: LivingExample, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(example.adapter("support-bot", "1"), tmp_path / "in-place"))
    assert unguarded.load_by_hand("support-bot", directory, load_inplace=True).status_code == 200
    before = unguarded.ask("support-bot")
    shutil.copytree(example.adapter("support-bot", "3"), directory, dirs_exist_ok=True)
    assert unguarded.ask("support-bot") != before
    shutil.rmtree(directory)
    assert unguarded.complete("support-bot").status_code == 500
    assert _dies(unguarded)
