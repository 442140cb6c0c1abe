"""What the embedded engine promises beyond the contract: single-flight lazy loads, capacity, plain files, its key."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from interlock.errors import EngineRefused
from support.adapters import write_adapter
from support.engine_clients import address_of, client_of, events_of, text_of
from support.engine_processes import SERVED_NAME, EngineLimits, EngineProcess, start_embedded, wait_until
from support.telling_adapters import TellingModels, says, write_telling_adapter

pytestmark = pytest.mark.xdist_group("embedded-engine")

KEY = "a-key-for-tests-only"
PROMPT = "where is my parcel?"
FreshName = Callable[[str], str]


@pytest.fixture(scope="module")
def engine(models: TellingModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """An engine with a key and room for three adapters, two of them in one batch; it must also end in peace."""
    limits, log = EngineLimits(max_loras=2, max_cpu_loras=3), tmp_path_factory.mktemp("log") / "engine.log"
    with start_embedded(models.base.directory, api_key=KEY, limits=limits, log=log) as process:
        yield process
    assert "Traceback" not in log.read_text(encoding="utf-8")


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
    """What the agent sends by hand."""
    with client_of(engine) as client:
        yield client


def test_a_hundred_concurrent_requests_for_a_lazy_adapter_cause_one_load(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    before = metric(client, 'adapter_loads_total{outcome="loaded"}')
    driver.load(served, str(models.adapter("AB")), lazy=True)
    assert metric(client, 'adapter_loads_total{outcome="loaded"}') == before
    assert metric(client, 'adapters{state="resident"}') == 0
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: ask(client, served, 4), range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(says(answer.json()["choices"][0]["text"], "AB") for answer in answers)
    assert metric(client, 'adapter_loads_total{outcome="loaded"}') == before + 1


def test_an_answer_on_a_kept_connection_does_not_wait_for_an_acknowledgement(client: httpx.Client) -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        client.get("/v1/models")
        return time.perf_counter() - begun

    taken = [seconds() for _ in range(60)]
    # With Nagle's algorithm each one takes 40 ms, once the system has seen that the connection is used in turns.
    assert min(taken[40:]) < 0.03


def test_a_lazy_adapter_that_cannot_be_read_fails_its_requests_and_is_tried_again_later(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, directory = name("ab"), tmp_path / "arrives-late"
    driver.load(served, str(directory), lazy=True)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(client, served, 4), range(20)))
    assert {answer.status_code for answer in answers} == {404}
    assert "No adapter found" in answers[0].json()["error"]["message"]
    shutil.copytree(models.adapter("AB"), directory)
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_loads_beyond_the_capacity_are_refused_and_nothing_is_evicted(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    letters = {name(said): said for said in ("AB", "XY", "GZ")}
    for served, said in letters.items():
        driver.load(served, str(models.adapter(said)), lazy=said == "GZ")
    with pytest.raises(EngineRefused, match="--max-cpu-loras") as refusal:
        driver.load(name("mn"), str(models.adapter("MN")))
    assert refusal.value.status == 400
    for served, said in letters.items():
        assert says(driver.complete(served, PROMPT, max_tokens=4), said)


def test_more_adapters_than_fit_a_batch_take_turns(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    letters = {name(said): said for said in ("AB", "XY", "GZ")}
    for served, said in letters.items():
        driver.load(served, str(models.adapter(said)))
    models_in_turn = [*letters, SERVED_NAME] * 12
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda model: (model, ask(client, model, 6)), models_in_turn))
    for model, answer in answers:
        assert says(answer.json()["choices"][0]["text"], {**letters, SERVED_NAME: "?"}[model])


def test_nothing_on_disk_is_needed_after_the_load(
    driver: EngineDriver, models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, directory = name("ab"), write_telling_adapter(tmp_path / "ab", models.base, "AB")
    driver.load(served, str(directory))
    shutil.copy(models.adapter("XY") / "adapter_model.safetensors", directory)
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")
    shutil.rmtree(directory)
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shapes_for": {"hidden_size": 128, "intermediate_size": 512, "head_dim": 64}}, "inputs"),
        ({"drop_tensors": ["base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"]}, "half of a pair"),
        ({"extra_tensors": {"base_model.model.model.layers.9.mlp.down_proj.lora_A.weight": (8, 512)}}, "does not have"),
        ({"extra_tensors": {"base_model.model.lm_head.weight": (8, 8)}}, "not part of a plain LoRA"),
        ({"config_overrides": {"target_modules": ["q_proj"]}}, "do not agree"),
        ({"config_overrides": {"target_modules": ["q_proj", "down_proj"]}}, "do not agree"),
        ({"config_overrides": {"peft_type": "IA3"}}, "only LORA"),
        ({"config_overrides": {"init_lora_weights": "pissa"}}, "pissa"),
        ({"config_overrides": {"secret_scaling": 3}}, "secret_scaling"),
        ({"config_overrides": {"lora_alpha": "NaN"}}, "lora_alpha"),
        ({"config_overrides": {"layer_replication": [[0, 2]]}}, "layer_replication"),
    ],
)
def test_an_adapter_that_would_answer_wrongly_is_refused(
    driver: EngineDriver, models: TellingModels, tmp_path: Path, name: FreshName, change: dict[str, Any], reason: str
) -> None:
    if "shapes_for" in change:
        change = {"shapes_for": {**models.base.config, **change["shapes_for"]}}
    directory = write_adapter(tmp_path / "bad", base_config=models.base.config, target_modules=["down_proj"], **change)
    with pytest.raises(EngineRefused, match=reason):
        driver.load(name("bad"), str(directory))
    assert driver.adapters() == {}
    assert driver.complete(SERVED_NAME, PROMPT, max_tokens=4) == "????"


def test_a_pickle_is_never_read(driver: EngineDriver, models: TellingModels, tmp_path: Path, name: FreshName) -> None:
    directory = write_adapter(tmp_path / "pickled", base_config=models.base.config)
    (directory / "adapter_model.safetensors").rename(directory / "adapter_model.bin")
    with pytest.raises(EngineRefused, match="pickle"):
        driver.load(name("pickled"), str(directory))


def test_a_truncated_file_is_refused(
    driver: EngineDriver, models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    directory = write_adapter(tmp_path / "cut", base_config=models.base.config)
    weights = directory / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(EngineRefused, match=r"adapter_model\.safetensors cannot be read"):
        driver.load(name("cut"), str(directory))


def test_loading_in_place_is_refused(client: httpx.Client, models: TellingModels, name: FreshName) -> None:
    body = {"lora_name": name("ab"), "lora_path": str(models.adapter("AB")), "load_inplace": True}
    answer = client.post("/v1/load_lora_adapter", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "load_inplace"


def test_unloading_a_lazy_adapter_before_its_first_request_leaves_nothing(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")), lazy=True)
    driver.unload(served)
    assert ask(client, served, 4).status_code == 404
    assert metric(client, 'adapters{state="registered"}') == 0


def test_a_client_that_goes_away_frees_its_place_and_its_adapter(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    with client.stream("POST", "/v1/completions", json=greedy(served, 200) | {"stream": True}) as response:
        assert next(response.iter_lines()).startswith("data: ")
    gone = f'requests_total{{model="{served}",outcome="cancelled"}}'
    wait_until(lambda: metric(client, gone) == 1, within=5, what="the request counts as cancelled")
    assert metric(client, f'requests_running{{model="{served}"}}') == 0
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_sampling_with_a_seed_is_repeatable_and_differs_from_greedy(client: httpx.Client) -> None:
    body = greedy(SERVED_NAME, 24) | {"temperature": 2.0, "seed": 7, "top_p": 0.95}
    texts = [client.post("/v1/completions", json=body).json()["choices"][0]["text"] for _ in range(2)]
    other = client.post("/v1/completions", json=body | {"seed": 8}).json()["choices"][0]["text"]
    assert texts[0] == texts[1] != other
    assert texts[0] != "?" * 24


def test_a_stop_text_that_spans_pieces_is_never_shown_in_a_stream(client: httpx.Client) -> None:
    body = greedy(SERVED_NAME, 60) | {"prompt": "hello", "stop": "oooo!", "stream": True}
    assert text_of(stream(client, body)) == "o" * 60
    ended = stream(client, body | {"stop": "ooooo"})
    assert text_of(ended) == ""
    assert ended[-1]["choices"][0]["stop_reason"] == "ooooo"


def test_characters_of_several_tokens_arrive_whole(client: httpx.Client) -> None:
    body = greedy(SERVED_NAME, 5) | {"prompt": "é", "stream": True}
    whole = client.post("/v1/completions", json=body | {"stream": False}).json()["choices"][0]["text"]
    assert text_of(stream(client, body)) == whole


def test_token_ids_are_a_prompt_too(client: httpx.Client) -> None:
    ids = client.post("/tokenize", json={"prompt": PROMPT}).json()["tokens"]
    answer = client.post("/v1/completions", json=greedy(SERVED_NAME, 4) | {"prompt": ids}).json()
    assert answer["choices"][0]["text"] == "????"
    assert answer["usage"] == {"prompt_tokens": len(ids), "completion_tokens": 4, "total_tokens": len(ids) + 4}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [99999]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"logprobs": 1}, "logprobs"),
        ({"echo": True}, "echo"),
    ],
)
def test_a_field_that_cannot_be_honoured_is_refused_by_name(
    client: httpx.Client, change: dict[str, Any], param: str
) -> None:
    answer = client.post("/v1/completions", json=greedy(SERVED_NAME, 4) | change)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].split(".")[0] == param


def test_a_body_that_is_too_long_or_no_json_is_refused(client: httpx.Client) -> None:
    assert client.post("/v1/completions", content=b"{").status_code == 400
    assert client.post("/v1/completions", content=b"[" * 100_000).status_code == 400
    assert client.post("/v1/completions", json={"prompt": "x" * 2**20}).status_code == 413
    assert client.post("/tokenize", json={"prompt": "x" * 100_000}).status_code == 400


def test_the_key_guards_everything_under_v1_and_nothing_else(engine: EngineProcess, client: httpx.Client) -> None:
    with httpx.Client(base_url=engine.url, trust_env=False) as stranger:
        assert stranger.get("/v1/models").status_code == 401
        assert stranger.get("/v1/models").json() == {"error": "Unauthorized"}
        assert stranger.get("/v1/models", headers={"Authorization": "Bearer no"}).status_code == 401
        assert stranger.get("/health").status_code == 200
    assert client.get("/v1/models").status_code == 200


def test_a_wrong_key_is_reported_with_what_to_do(engine: EngineProcess) -> None:
    driver = open_engine("embedded", address_of(engine, api_key="wrong"))
    with pytest.raises(EngineRefused) as refusal:
        driver.adapters()
    assert refusal.value.status == 401
    assert "the key that the engine was started with" in refusal.value.remedy
    assert "wrong" not in str(refusal.value)
    driver.close()


def test_the_log_holds_neither_prompts_nor_keys(engine: EngineProcess, client: httpx.Client) -> None:
    ask(client, SERVED_NAME, 4)
    log = engine.log_text()
    assert "serving tiny" in log
    assert PROMPT not in log
    assert KEY not in log
    assert engine.admin_token not in log


def test_the_process_says_when_it_started(client: httpx.Client) -> None:
    assert metric(client, "process_start_time_seconds", prefix="") > 1_700_000_000


def ask(client: httpx.Client, model: str, max_tokens: int) -> httpx.Response:
    """A greedy completion."""
    return client.post("/v1/completions", json=greedy(model, max_tokens))


def greedy(model: str, max_tokens: int) -> dict[str, Any]:
    """The body of a greedy completion."""
    return {"model": model, "prompt": PROMPT, "max_tokens": max_tokens, "temperature": 0}


def stream(client: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a streamed completion."""
    return events_of(client.post("/v1/completions", json=body).raise_for_status().text.splitlines())


def metric(client: httpx.Client, series: str, *, prefix: str = "interlock_engine_") -> float:
    """The value of one series in `/metrics`, 0 when it is not there."""
    lines = client.get("/metrics").text.splitlines()
    return float(next((line.split()[-1] for line in lines if line.startswith(f"{prefix}{series} ")), "0"))
