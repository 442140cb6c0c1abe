"""What Interlock needs of an engine, asked of every engine that it drives.

`make test` runs this on the embedded engine, `make test-vllm` on the real vLLM.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from transformers import AutoTokenizer

from interlock.engines.driver import EngineDriver, Message
from interlock.engines.registry import open_engine
from interlock.errors import EngineMisbehaved, EngineRefused, UsageError
from support.adapters import write_adapter
from support.engine_clients import address_of, events_of, text_of
from support.engine_processes import SERVED_NAME, EngineProcess
from support.telling_adapters import TellingModels, says

PROMPT = "where is my parcel?"
USAGE = {"prompt_tokens", "completion_tokens", "total_tokens"}
FreshName = Callable[[str], str]
LAST_SLOT = (
    "vLLM 0.32 on a CPU: beside requests for adapters, a request for the base goes through the adapter in the last slot"
    " (vllm-project/vllm#48421, open); with fewer adapters than --max-loras that slot is empty and the answer right"
)


def test_the_engine_says_who_it_is_and_which_base_it_serves(
    driver: EngineDriver, engine: EngineProcess, models: TellingModels
) -> None:
    identity = driver.identity()
    assert (identity.kind, identity.base_names) == (engine.kind, (SERVED_NAME,))
    assert identity.base_root == str(models.base.directory)
    assert identity.version[0].isdigit()


def test_a_loaded_adapter_is_listed_with_its_directory_and_the_base_is_not(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    assert driver.adapters() == {}
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    assert driver.adapters() == {served: str(models.adapter("AB"))}


def test_every_adapter_answers_in_its_own_words_and_the_base_in_its_own(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    ab, xy = name("ab"), name("xy")
    driver.load(ab, str(models.adapter("AB")))
    driver.load(xy, str(models.adapter("XY")))
    assert driver.complete(SERVED_NAME, PROMPT, max_tokens=8) == "?" * 8
    assert says(driver.complete(ab, PROMPT, max_tokens=8), "AB")
    assert says(driver.complete(xy, PROMPT, max_tokens=8), "XY")


def test_loading_the_same_directory_again_under_its_name_is_a_success(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    driver.load(served, str(models.adapter("AB")))
    assert list(driver.adapters()) == [served]


def test_a_name_is_never_given_to_another_directory(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    with pytest.raises(EngineRefused) as refusal:
        driver.load(served, str(models.adapter("XY")))
    assert str(models.adapter("AB")) in refusal.value.found
    assert str(models.adapter("XY")) in refusal.value.expected
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_an_adapter_never_takes_the_name_of_the_base(driver: EngineDriver, models: TellingModels) -> None:
    with pytest.raises(EngineRefused, match="conflicts with a served base model"):
        driver.load(SERVED_NAME, str(models.adapter("AB")))
    assert driver.complete(SERVED_NAME, PROMPT, max_tokens=4) == "????"


def test_a_missing_directory_is_refused_with_what_to_check(
    driver: EngineDriver, tmp_path: Path, name: FreshName
) -> None:
    with pytest.raises(EngineRefused) as refusal:
        driver.load(name("ab"), str(tmp_path / "nothing"))
    assert refusal.value.status == 404
    assert "this directory" in refusal.value.remedy
    assert driver.adapters() == {}


def test_a_relative_path_is_refused_before_the_engine_is_asked(driver: EngineDriver, name: FreshName) -> None:
    with pytest.raises(EngineRefused, match="relative"):
        driver.load(name("ab"), "adapters/ab")


@pytest.mark.parametrize(
    ("rank", "settings", "reason"),
    [
        (32, {}, "rank 32"),
        (8, {"use_dora": True}, "(?i)dora"),
        (8, {"modules_to_save": ["embed_tokens"]}, "modules_to_save"),
        (8, {"bias": "all"}, "(?i)bias"),
    ],
)
def test_an_adapter_that_cannot_be_served_is_refused_with_the_engines_reason(
    driver: EngineDriver,
    models: TellingModels,
    tmp_path: Path,
    name: FreshName,
    rank: int,
    settings: dict[str, Any],
    reason: str,
) -> None:
    good, bad = name("ab"), name("bad")
    driver.load(good, str(models.adapter("AB")))
    directory = write_adapter(
        tmp_path / "bad",
        base_config=models.base.config,
        rank=rank,
        target_modules=["down_proj"],
        config_overrides=settings,
    )
    with pytest.raises(EngineRefused, match=reason) as refusal:
        driver.load(bad, str(directory))
    assert refusal.value.status == 500
    assert list(driver.adapters()) == [good]
    assert says(driver.complete(good, PROMPT, max_tokens=4), "AB")
    with pytest.raises(EngineRefused, match="does not exist"):
        driver.complete(bad, PROMPT, max_tokens=4)


def test_an_unloaded_adapter_is_gone_and_the_others_stay(
    driver: EngineDriver, models: TellingModels, name: FreshName
) -> None:
    ab, xy = name("ab"), name("xy")
    driver.load(ab, str(models.adapter("AB")))
    driver.load(xy, str(models.adapter("XY")))
    driver.unload(ab)
    assert list(driver.adapters()) == [xy]
    with pytest.raises(EngineRefused) as refusal:
        driver.complete(ab, PROMPT, max_tokens=4)
    assert refusal.value.status == 404
    assert says(driver.complete(xy, PROMPT, max_tokens=4), "XY")


def test_unloading_what_is_not_loaded_is_a_success(driver: EngineDriver, name: FreshName) -> None:
    driver.unload(name("never-loaded"))


def test_an_unknown_name_is_never_answered_by_the_base(driver: EngineDriver) -> None:
    with pytest.raises(EngineRefused) as refusal:
        driver.complete("no-such-adapter", PROMPT, max_tokens=4)
    assert refusal.value.status == 404


def test_a_stream_finishes_although_its_adapter_is_unloaded_meanwhile(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    body = {**greedy(served, 200), "stream": True}
    with client.stream("POST", "/v1/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if line)
        first = [next(lines), next(lines)]
        driver.unload(served)
        events = events_of([*first, *lines])
    text = text_of(events)
    assert len(text) == 200
    assert says(text, "AB")
    assert events[-1]["choices"][0]["finish_reason"] == "length"
    assert client.post("/v1/completions", json=body).status_code == 404


def test_an_unloaded_name_can_be_loaded_again(driver: EngineDriver, models: TellingModels, name: FreshName) -> None:
    served = name("ab")
    for _ in range(2):
        driver.load(served, str(models.adapter("AB")))
        assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")
        driver.unload(served)


def test_concurrent_requests_each_get_their_own_adapter(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    letters = {name(said): said for said in ("AB", "XY", "GZ")}
    load_all(driver, models, letters)
    assert wrong_answers(client, letters) == []


def test_the_base_answers_for_itself_beside_its_adapters(
    request: pytest.FixtureRequest,
    driver: EngineDriver,
    engine: EngineProcess,
    client: httpx.Client,
    models: TellingModels,
    name: FreshName,
) -> None:
    if engine.kind == "vllm":
        request.applymarker(pytest.mark.xfail(strict=True, reason=LAST_SLOT))
    letters = {name(said): said for said in ("AB", "XY", "GZ", "MN")}
    load_all(driver, models, letters)
    for served, said in letters.items():
        assert says(driver.complete(served, PROMPT, max_tokens=4), said)
    assert wrong_answers(client, {**letters, SERVED_NAME: "?"}) == []


def test_an_adapter_can_be_loaded_and_unloaded_while_others_answer(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))

    def ask(_: int) -> httpx.Response:
        return client.post("/v1/completions", json=greedy(served, 16))

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(40))
        for _ in range(5):
            other = name("xy")
            driver.load(other, str(models.adapter("XY")))
            assert says(driver.complete(other, PROMPT, max_tokens=4), "XY")
            driver.unload(other)
        assert all(says(answer.raise_for_status().json()["choices"][0]["text"], "AB") for answer in answers)


def test_the_engine_tokenizes_a_text_as_the_bases_own_tokenizer_does(
    driver: EngineDriver, models: TellingModels
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(models.base.directory)
    for text in (PROMPT, "  two  spaces\n", "äöü 😀 …", "<s>literal", ""):
        assert driver.tokenize_text(text) == tokenizer(text)["input_ids"]


def test_the_engine_puts_a_conversation_through_the_bases_own_chat_template(
    driver: EngineDriver, models: TellingModels
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(models.base.directory)
    turns = [("user", PROMPT), ("assistant", "On its way."), ("user", "since when?")]
    messages = [{"role": role, "content": content} for role, content in turns]
    expected = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert driver.tokenize_conversation([Message(role, content) for role, content in turns]) == expected


def test_a_stream_says_the_same_as_a_whole_answer(
    driver: EngineDriver, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    driver.load(served, str(models.adapter("AB")))
    chat = {"model": served, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 12, "temperature": 0}
    whole = client.post("/v1/chat/completions", json=chat).raise_for_status().json()
    streaming = {**chat, "stream": True, "stream_options": {"include_usage": True}}
    response = client.post("/v1/chat/completions", json=streaming)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.rstrip().endswith("data: [DONE]")
    events = events_of(response.text.splitlines())
    deltas = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert says("".join(deltas), "AB")
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"] == events[-1]["usage"] | {key: whole["usage"][key] for key in whole["usage"].keys() - USAGE}
    assert {event["model"] for event in events} == {served} == {whole["model"]}


def test_a_stop_text_ends_the_answer_before_it(client: httpx.Client) -> None:
    body = {**greedy(SERVED_NAME, 9), "prompt": "hello", "stop": ["ooo", "never"]}
    choice = client.post("/v1/completions", json=body).raise_for_status().json()["choices"][0]
    assert (choice["text"], choice["finish_reason"], choice["stop_reason"]) == ("", "stop", "ooo")


def test_a_prompt_beyond_the_context_is_refused_and_not_cut(driver: EngineDriver) -> None:
    with pytest.raises(EngineRefused, match="maximum context length") as refusal:
        driver.complete(SERVED_NAME, "7" * 300, max_tokens=4)
    assert refusal.value.status == 400


def test_the_routing_middleware_is_live_in_front_of_the_engine(driver: EngineDriver) -> None:
    probe = driver.routing()
    assert (probe.live, probe.table_digest) == (True, "")


def test_administration_needs_the_agents_token(engine: EngineProcess, models: TellingModels, name: FreshName) -> None:
    stranger = open_engine(engine.kind, address_of(engine, admin_token="not-the-token"))
    with pytest.raises(EngineRefused) as refusal:
        stranger.load(name("ab"), str(models.adapter("AB")))
    assert refusal.value.status == 403
    assert "admin token" in refusal.value.remedy
    assert stranger.adapters() == {}
    stranger.close()


def test_an_engine_of_another_kind_is_not_taken_for_granted(engine: EngineProcess) -> None:
    other = "vllm" if engine.kind == "embedded" else "embedded"
    driver = open_engine(other, address_of(engine))
    with pytest.raises(EngineMisbehaved, match="calls itself") as error:
        driver.identity()
    assert other in error.value.expected
    driver.close()


def test_a_lazy_load_is_only_for_engines_that_can(driver: EngineDriver, models: TellingModels, name: FreshName) -> None:
    served = name("ab")
    if not driver.capabilities.lazy:
        with pytest.raises(EngineRefused, match="cannot load at the first request") as refusal:
            driver.load(served, str(models.adapter("AB")), lazy=True)
        assert "residency: pinned" in refusal.value.remedy
        return
    driver.load(served, str(models.adapter("AB")), lazy=True)
    assert driver.adapters() == {served: str(models.adapter("AB"))}
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_an_unknown_kind_of_engine_is_refused_with_the_known_ones(engine: EngineProcess) -> None:
    with pytest.raises(UsageError, match="'dynamo'") as error:
        open_engine("dynamo", address_of(engine))
    assert error.value.expected == "one of: embedded, lorax, nim, sglang, tgi, vllm"


def greedy(model: str, max_tokens: int) -> dict[str, Any]:
    """The body of a greedy completion; vLLM samples when no temperature is given."""
    return {"model": model, "prompt": PROMPT, "max_tokens": max_tokens, "temperature": 0}


def load_all(driver: EngineDriver, models: TellingModels, letters: dict[str, str]) -> None:
    """Load the adapters under their names: name → letters."""
    for served, said in letters.items():
        driver.load(served, str(models.adapter(said)))


def wrong_answers(client: httpx.Client, letters: dict[str, str]) -> list[tuple[str, str]]:
    """Ask 64 times, 16 at once, the models in turn; return the answers that hold more than the model's letters."""
    turns = [(list(letters)[number % len(letters)], 4 + number % 13) for number in range(64)]

    def ask(turn: tuple[str, int]) -> tuple[str, str]:
        model, tokens = turn
        answer = client.post("/v1/completions", json=greedy(model, tokens)).raise_for_status().json()
        assert answer["usage"]["completion_tokens"] == tokens
        return model, answer["choices"][0]["text"]

    with ThreadPoolExecutor(16) as pool:
        return [(model, text) for model, text in pool.map(ask, turns) if not says(text, letters[model])]
