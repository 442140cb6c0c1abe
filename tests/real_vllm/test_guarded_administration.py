"""With the routing middleware in front, only the holder of the agent's token administers the real engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.living_example import LivingExample
from support.vllm_serving import Serving

pytestmark = pytest.mark.vllm


def test_every_way_of_loading_and_unloading_is_refused_to_a_client_with_the_engines_key(
    guarded: Serving, example: LivingExample
) -> None:
    name, directory = example.served("support-bot", "2"), str(example.adapter("support-bot", "2"))
    guarded.driver.load(name, directory)
    calls: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("POST", "/v1/load_lora_adapter", {"lora_name": "intruder", "lora_path": directory}),
        ("POST", "/v1/unload_lora_adapter", {"lora_name": name}),
        ("POST", "/adapters", {"name": "intruder", "src": directory}),
        ("POST", "//adapters", {"name": "intruder", "src": directory}),
        ("POST", "/adapters/", {"name": "intruder", "src": directory}),
        ("DELETE", f"/adapters/{name}", {}),
        ("DELETE", f"/%61dapters/{name}", {}),
        ("POST", "/invocations", {"model": name, "prompt": "x"}),
    )
    for method, path, body in calls:
        for asking in (guarded.anyone, guarded.client):
            refused = asking.request(method, guarded.engine.url + path, json=body)
            assert refused.status_code == 403, path
            assert "administered by the Interlock agent only" in refused.json()["error"]["message"], path
    assert guarded.driver.adapters() == {name: directory}


def test_a_wrong_token_is_refused_and_the_right_one_is_not(guarded: Serving, example: LivingExample) -> None:
    body = {"name": "by-hand", "src": str(example.adapter("support-bot", "2"))}
    assert guarded.client.post("/adapters", json=body, headers={"X-Interlock-Token": "guess"}).status_code == 403
    assert guarded.agent.post("/adapters", json=body).status_code == 200
    assert guarded.agent.delete("/adapters/by-hand").status_code == 200


def test_a_model_name_that_is_a_path_never_reaches_the_resolver_of_directories(
    guarded: Serving, make_adapter: Callable[..., Path], example: LivingExample
) -> None:
    settings = {"base_model_name_or_path": str(example.base)}
    outside = make_adapter("outside", config_overrides=settings)
    climbing = "../" * 20 + str(outside).lstrip("/")
    for model in (climbing, str(outside), f"./{climbing}", "..", "../x"):
        assert guarded.complete(model).status_code == 404, model
        assert guarded.agent.post("/v1/completions", json={"model": model, "prompt": "x"}).status_code == 404, model
    assert guarded.driver.adapters() == {}


def test_an_adapter_cannot_be_chosen_in_a_header(guarded: Serving, example: LivingExample) -> None:
    name = example.served("support-bot", "2")
    guarded.driver.load(name, str(example.adapter("support-bot", "2")))
    hidden = {"X-Amzn-SageMaker-Adapter-Identifier": name}
    body = {"model": "tiny", "prompt": "x", "max_tokens": 1}
    by_agent = guarded.agent.post("/invocations", json=body, headers=hidden)
    assert by_agent.json()["model"] == name
    assert guarded.client.post("/invocations", json=body, headers=hidden).status_code == 403
    assert guarded.client.post("/v1/completions", json=body, headers=hidden).status_code == 400
