"""What Interlock needs of an engine, asked of every engine that it drives, by what its capabilities promise.

`make test` runs this on the embedded engine and on simulators of those that cannot be run here, `make test-vllm` on the
real vLLM. What an engine cannot do is asked too: then the driver must say so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from transformers import AutoTokenizer

from interlock.engines.driver import UNTOLD, Capabilities, EngineDriver, Message
from interlock.engines.registry import open_engine
from interlock.errors import EngineMisbehaved, EngineRefused, UsageError
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from interlock.rules.engine_profiles import BEYOND_PLAIN, PROFILES
from interlock.sync.engine_view import read_table
from support.adapters import write_adapter
from support.engine_clients import events_of, text_of
from support.engine_under_test import EngineUnderTest
from support.telling_adapters import TellingModels, says

PROMPT = "where is my parcel?"
USAGE = {"prompt_tokens", "completion_tokens", "total_tokens"}
FreshName = Callable[[str], str]
LAST_SLOT = (
    "vLLM 0.32 on a CPU: beside requests for adapters, a request for the base goes through the adapter in the last slot"
    " (vllm-project/vllm#48421, open); with fewer adapters than --max-loras that slot is empty and the answer right"
)


def test_the_engine_says_who_it_is_and_which_base_it_serves(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels
) -> None:
    identity = driver.identity()
    assert (identity.kind, identity.base_names[0]) == (engine.kind, engine.base)
    assert identity.base_root == engine.base_root
    assert identity.version[0].isdigit()


def test_the_process_of_an_engine_stays_the_same_until_it_is_another(
    driver: EngineDriver, engine: EngineUnderTest
) -> None:
    process = driver.process()
    assert driver.process() == process
    if engine.restart and process:
        engine.restart()
        assert driver.process() not in ("", process)


def test_a_loaded_adapter_is_listed_with_its_directory_and_the_base_is_not(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    assert driver.adapters() == {}
    served, directory = name("ab"), models.adapter("AB")
    engine.bring(driver, {served: directory})
    assert driver.adapters() == {served: listed(driver.capabilities, directory)}


def test_every_adapter_answers_in_its_own_words_and_the_base_in_its_own(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    ab, xy = name("ab"), name("xy")
    engine.bring(driver, {ab: models.adapter("AB"), xy: models.adapter("XY")})
    assert driver.complete(engine.base, PROMPT, max_tokens=8) == "?" * 8
    assert says(driver.complete(ab, PROMPT, max_tokens=8), "AB")
    assert says(driver.complete(xy, PROMPT, max_tokens=8), "XY")


def test_loading_the_same_directory_again_under_its_name_is_a_success(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    for _ in range(2):
        engine.bring(driver, {served: models.adapter("AB")})
    assert list(driver.adapters()) == [served]


def test_a_name_is_never_given_to_another_directory(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    engine.bring(driver, {served: models.adapter("AB")})
    with pytest.raises(EngineRefused) as refusal:
        driver.load(served, str(models.adapter("XY")))
    told = f"{refusal.value.found} {refusal.value.expected}"
    if driver.capabilities.tells_directories:
        assert str(models.adapter("AB")) in refusal.value.found
    if not driver.capabilities.boot_only:
        assert str(models.adapter("XY")) in told
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_an_adapter_never_takes_the_name_of_the_base(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels
) -> None:
    with pytest.raises(EngineRefused):
        driver.load(engine.base, str(models.adapter("AB")))
    assert driver.complete(engine.base, PROMPT, max_tokens=4) == "????"


def test_a_missing_directory_is_refused_with_what_to_check(
    driver: EngineDriver, tmp_path: Path, name: FreshName
) -> None:
    with pytest.raises(EngineRefused) as refusal:
        driver.load(name("ab"), str(tmp_path / "nothing"))
    assert driver.capabilities.boot_only or "directory" in f"{refusal.value.found} {refusal.value.remedy}"
    assert refusal.value.remedy
    assert driver.adapters() == {}


def test_a_relative_path_is_refused_before_the_engine_is_asked(driver: EngineDriver, name: FreshName) -> None:
    why = "only when it starts" if driver.capabilities.boot_only else "relative"
    with pytest.raises(EngineRefused, match=why):
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
def test_an_adapter_that_cannot_be_served_is_refused_by_the_engine_or_by_the_checker_before(
    driver: EngineDriver,
    engine: EngineUnderTest,
    models: TellingModels,
    tmp_path: Path,
    name: FreshName,
    rank: int,
    settings: dict[str, Any],
    reason: str,
) -> None:
    if engine.kind not in PROFILES:
        refused = {feature.setting for feature in BEYOND_PLAIN}
        assert refused.issuperset(settings), "the checker lets nothing through that nobody knows to be served"
        return
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
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    ab, xy = name("ab"), name("xy")
    engine.bring(driver, {ab: models.adapter("AB"), xy: models.adapter("XY")})
    engine.take(driver, ab)
    assert list(driver.adapters()) == [xy]
    assert is_gone(driver, ab)
    assert says(driver.complete(xy, PROMPT, max_tokens=4), "XY")


def test_unloading_what_is_not_loaded_is_a_success(driver: EngineDriver, name: FreshName) -> None:
    driver.unload(name("never-loaded"))


def test_an_unknown_name_is_never_answered_by_the_base(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    """Some engines do answer it. No client reaches them with such a name, and the agent takes no such answer."""
    unknown = name("nobody")
    if driver.capabilities.answers_unknown:
        assert driver.complete(unknown, PROMPT, max_tokens=4) == "????"
    else:
        with pytest.raises(EngineRefused):
            driver.complete(unknown, PROMPT, max_tokens=4)
    assert unknown not in driver.adapters()
    assert engine.routes
    if not engine.routes.exists():
        write_table(engine.routes, RouteTable("test", bases=frozenset({engine.base})))
    with engine.client(trusted=False) as stranger:
        for model in (unknown, "no-such-adapter", f"{engine.base}:{unknown}"):
            assert stranger.post("/v1/completions", json=greedy(model, 4)).status_code == 404
        assert stranger.post("/v1/completions", json=greedy(engine.base, 4)).status_code == 200


def test_a_stream_finishes_although_its_adapter_is_unloaded_meanwhile(
    driver: EngineDriver, engine: EngineUnderTest, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    engine.bring(driver, {served: models.adapter("AB")})
    body = {**greedy(served, 200), "stream": True}
    with client.stream("POST", "/v1/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if line)
        first = [next(lines), next(lines)]
        engine.take(driver, served)
        events = events_of([*first, *lines])
    text = text_of(events)
    assert len(text) == 200
    assert says(text, "AB")
    assert events[-1]["choices"][0]["finish_reason"] == "length"
    assert is_gone(driver, served)


def test_an_unloaded_name_can_be_loaded_again(
    driver: EngineDriver, engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    for _ in range(2):
        engine.bring(driver, {served: models.adapter("AB")})
        assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")
        engine.take(driver, served)
        assert driver.adapters() == {}


def test_concurrent_requests_each_get_their_own_adapter(
    driver: EngineDriver, engine: EngineUnderTest, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    letters = {name(said): said for said in ("AB", "XY", "GZ")}
    engine.bring(driver, {served: models.adapter(said) for served, said in letters.items()})
    assert wrong_answers(client, letters) == []


def test_the_base_answers_for_itself_beside_its_adapters(
    request: pytest.FixtureRequest,
    driver: EngineDriver,
    engine: EngineUnderTest,
    client: httpx.Client,
    models: TellingModels,
    name: FreshName,
) -> None:
    if engine.kind == "vllm":
        request.applymarker(pytest.mark.xfail(strict=True, reason=LAST_SLOT))
    letters = {name(said): said for said in ("AB", "XY", "GZ", "MN")}
    engine.bring(driver, {served: models.adapter(said) for served, said in letters.items()})
    for served, said in letters.items():
        assert says(driver.complete(served, PROMPT, max_tokens=4), said)
    assert wrong_answers(client, {**letters, engine.base: "?"}) == []


def test_an_adapter_can_be_loaded_and_unloaded_while_others_answer(
    driver: EngineDriver, engine: EngineUnderTest, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    engine.bring(driver, {served: models.adapter("AB")})
    if driver.capabilities.boot_only:
        with pytest.raises(EngineRefused, match="only when it starts"):
            driver.load(name("xy"), str(models.adapter("XY")))
        return

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
    if not driver.capabilities.tokenizes:
        with pytest.raises(EngineRefused):
            driver.tokenize_text(PROMPT)
        return
    tokenizer = AutoTokenizer.from_pretrained(models.base.directory)
    for text in (PROMPT, "  two  spaces\n", "äöü 😀 …", "<s>literal", ""):
        assert driver.tokenize_text(text) == tokenizer(text)["input_ids"]


def test_the_engine_puts_a_conversation_through_the_bases_own_chat_template(
    driver: EngineDriver, models: TellingModels
) -> None:
    if not driver.capabilities.templates:
        with pytest.raises(EngineRefused):
            driver.tokenize_conversation([Message("user", PROMPT)])
        return
    tokenizer = AutoTokenizer.from_pretrained(models.base.directory)
    turns = [("user", PROMPT), ("assistant", "On its way."), ("user", "since when?")]
    messages = [{"role": role, "content": content} for role, content in turns]
    expected = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert driver.tokenize_conversation([Message(role, content) for role, content in turns]) == expected


def test_a_stream_says_the_same_as_a_whole_answer(
    driver: EngineDriver, engine: EngineUnderTest, client: httpx.Client, models: TellingModels, name: FreshName
) -> None:
    served = name("ab")
    engine.bring(driver, {served: models.adapter("AB")})
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
    assert {event["model"] for event in events} == {whole["model"]}
    # TGI names its base whoever answers; the revision is in the header that the routing stamps.
    assert served.partition("@")[0] in whole["model"] or driver.capabilities.boot_only


def test_a_stop_text_ends_the_answer_before_it(engine: EngineUnderTest, client: httpx.Client) -> None:
    body = {**greedy(engine.base, 9), "prompt": "hello", "stop": ["ooo", "never"]}
    choice = client.post("/v1/completions", json=body).raise_for_status().json()["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("", "stop")


def test_a_prompt_beyond_the_context_is_refused_and_not_cut(driver: EngineDriver, engine: EngineUnderTest) -> None:
    with pytest.raises(EngineRefused) as refusal:
        driver.complete(engine.base, "7" * 300, max_tokens=4)
    assert refusal.value.status in (400, 422)
    assert "context length" in refusal.value.found or "Given: 30" in refusal.value.found


def test_the_routing_middleware_is_live_in_front_of_the_engine(driver: EngineDriver, engine: EngineUnderTest) -> None:
    probe = driver.routing()
    table = read_table(engine.routes) if engine.routes else None
    assert (probe.live, probe.table_digest) == (True, table.digest if table else "")


def test_administration_at_the_edge_is_the_agents_alone(
    engine: EngineUnderTest, models: TellingModels, name: FreshName
) -> None:
    body = {"lora_name": name("ab"), "lora_path": str(models.adapter("AB"))}
    behind_gateway = engine.edge_url != engine.url
    for trusted in (False, True) if behind_gateway else (False,):
        with engine.client(trusted=trusted) as client:
            for path in ("/load_lora_adapter", "/v1/load_lora_adapter", "/V1/load%5flora_adapter", "/adapters"):
                assert client.post(path, json=body).status_code == 403
    if not behind_gateway:
        stranger = open_engine(engine.kind, engine.address(admin_token="not-the-token"))
        with pytest.raises(EngineRefused) as refusal:
            stranger.load(body["lora_name"], body["lora_path"])
        assert refusal.value.status == 403
        assert "admin token" in refusal.value.remedy
        assert stranger.adapters() == {}
        stranger.close()


@pytest.mark.parametrize("other", ["embedded", "lorax", "nim", "sglang", "tgi", "vllm"])
def test_an_engine_of_another_kind_is_not_taken_for_granted(
    engine: EngineUnderTest, other: str, tmp_path: Path
) -> None:
    driver = open_engine(other, engine.address(adapters_directory=engine.adapters_directory or tmp_path))
    if other == engine.kind:
        assert driver.identity().kind == other
    else:
        with pytest.raises(EngineMisbehaved, match="the engine calls") as error:
            driver.identity()
        assert other in error.value.expected
    driver.close()


def test_a_lazy_load_is_only_for_engines_that_can(driver: EngineDriver, models: TellingModels, name: FreshName) -> None:
    served = name("ab")
    if not driver.capabilities.lazy:
        with pytest.raises(EngineRefused, match=r"cannot load at the first request|only when it starts"):
            driver.load(served, str(models.adapter("AB")), lazy=True)
        return
    driver.load(served, str(models.adapter("AB")), lazy=True)
    assert driver.adapters() == {served: str(models.adapter("AB"))}
    assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_an_unknown_kind_of_engine_is_refused_with_the_known_ones(engine: EngineUnderTest) -> None:
    with pytest.raises(UsageError, match="'dynamo'") as error:
        open_engine("dynamo", engine.address())
    assert error.value.expected == "one of: embedded, lorax, nim, sglang, tgi, vllm"


def greedy(model: str, max_tokens: int) -> dict[str, Any]:
    """The body of a greedy completion; vLLM samples when no temperature is given."""
    return {"model": model, "prompt": PROMPT, "max_tokens": max_tokens, "temperature": 0}


def listed(capabilities: Capabilities, directory: Path) -> str:
    """What `adapters()` says of an adapter from a directory."""
    return str(directory) if capabilities.tells_directories else UNTOLD


def is_gone(driver: EngineDriver, served: str) -> bool:
    """Whether nothing answers under a name any more, or at least nothing counts it as loaded where nothing unloads."""
    try:
        driver.complete(served, PROMPT, max_tokens=4)
    except EngineRefused:
        return True
    return not driver.capabilities.unloads and served not in driver.adapters()


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
