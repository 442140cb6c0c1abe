"""The documented bad manners of engines, each against the driver that must live with it: nothing false is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.artifacts.fingerprints import PROBE_CONVERSATIONS, PROBE_TEXTS, fingerprint
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.naming import Naming
from interlock.engines.registry import open_engine
from interlock.errors import EngineMisbehaved, EngineRefused, EngineUnreachable, UsageError
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from interlock.sync.base_answers import BaseAnswers
from interlock.sync.proof import BaseMismatch, not_shown, prove_base_answers, require_base_files
from support.desired_states import base
from support.engine_under_test import EngineUnderTest, simulated_engine
from support.telling_adapters import TellingModels, says

PROMPT = "where is my parcel?"
SIMULATED = ("sglang", "lorax", "tgi", "nim")
FreshName = Callable[[str], str]


@contextmanager
def driving(
    kind: str, models: TellingModels, root: Path, *, naming: Naming | None = None, **manners: Any
) -> Iterator[tuple[EngineUnderTest, EngineDriver]]:
    """A simulator with these manners, and its driver with little patience."""
    with simulated_engine(kind, models, root, naming=naming, **manners) as engine:
        driver = open_engine(kind, engine.address(timeout_s=5.0, load_timeout_s=1.0))
        try:
            yield engine, driver
        finally:
            driver.close()


def proof(driver: EngineDriver, engine: EngineUnderTest, served: str, record: Path) -> bool:
    """Whether the agent would call an adapter proven."""
    answers = BaseAnswers(record)
    answers.settle(driver, BaseRevision.model_construct(digest="sha256:" + "0" * 64))
    return answers.differ_from(driver, served)


@pytest.mark.parametrize("kind", SIMULATED)
def test_an_engine_that_says_it_holds_an_adapter_and_serves_the_base_is_found_out(
    kind: str, models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving(kind, models, tmp_path, deaf=True) as (engine, driver):
        engine.bring(driver, {served: models.adapter("AB")})
        if not driver.capabilities.boot_only:
            assert served in driver.adapters()
        else:
            assert driver.adapters() == {}, "what answers as the base is not held"
        assert not proof(driver, engine, served, tmp_path / "answers.json")


def test_sglang_behind_a_gateway_that_leaves_out_the_base_is_found_out(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("sglang", models, tmp_path, naming=Naming()) as (engine, driver):
        engine.bring(driver, {served: models.adapter("AB")})
        assert served in driver.adapters()
        assert not proof(driver, engine, served, tmp_path / "answers.json")
    with driving("sglang", models, tmp_path / "again") as (engine, driver):
        engine.bring(driver, {served: models.adapter("AB")})
        assert proof(driver, engine, served, tmp_path / "answers.json")


def test_sglang_without_a_gateway_is_asked_with_the_base_in_front(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with simulated_engine("sglang", models, tmp_path) as engine:
        driver = open_engine("sglang", engine.address(routing_url=""))
        driver.load(served, str(models.adapter("AB")))
        assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")
        bare = httpx.post(f"{engine.url}/v1/completions", json={"model": served, "prompt": PROMPT, "max_tokens": 4})
        assert bare.json()["choices"][0]["text"] == "????", "this is what the base in front protects from"
        driver.close()


def test_sglang_takes_its_admin_key_for_loads_and_the_other_key_for_the_rest(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, directory = name("ab"), str(models.adapter("AB"))
    with simulated_engine("sglang", models, tmp_path, admin_api_key="the-admin-key") as engine:
        without = open_engine("sglang", engine.address(api_key="the-other-key"))
        with pytest.raises(EngineRefused) as refusal:
            without.load(served, directory)
        assert refusal.value.status == 401
        driver = open_engine("sglang", engine.address(api_key="the-other-key", admin_key="the-admin-key"))
        driver.load(served, directory)
        driver.unload(served)
        without.close()
        driver.close()


def test_an_unload_that_waits_for_a_long_answer_ends_in_time_and_the_name_is_gone(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("sglang", models, tmp_path) as (engine, driver):
        driver.load(served, str(models.adapter("AB")))
        engine.simulator.running[served] = 1  # a request that does not end
        driver.unload(served)
        assert driver.adapters() == {}
        engine.simulator.running[served] = 0


def test_an_unload_that_is_not_answered_and_did_not_happen_is_no_success(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("sglang", models, tmp_path) as (engine, driver):
        driver.load(served, str(models.adapter("AB")))
        dead = open_engine("sglang", engine.address(url="http://127.0.0.1:9", routing_url=""))
        with pytest.raises(EngineUnreachable):
            dead.unload(served)
        dead.close()
        assert served in driver.adapters()


def test_the_least_recently_used_adapter_that_sglang_drops_is_seen_to_be_gone(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    first, second, third = (name(letters) for letters in ("ab", "xy", "gz"))
    with driving("sglang", models, tmp_path, max_loaded_loras=2) as (engine, driver):
        engine.bring(driver, {first: models.adapter("AB"), second: models.adapter("XY"), third: models.adapter("GZ")})
        assert list(driver.adapters()) == [second, third]
        with pytest.raises(EngineRefused, match="not loaded"):
            driver.complete(first, PROMPT, max_tokens=4)


@pytest.mark.parametrize("kind", SIMULATED)
def test_what_an_engine_forgets_at_a_restart_is_listed_no_more(
    kind: str, models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving(kind, models, tmp_path) as (engine, driver):
        engine.bring(driver, {served: models.adapter("AB")})
        assert served in driver.adapters()
        assert engine.restart
        engine.restart()
        # NIM finds its directory again by itself; every other engine has lost the adapter.
        assert (served in driver.adapters()) is (kind == "nim")
        engine.bring(driver, {served: models.adapter("AB")})
        assert served in driver.adapters()
        assert says(driver.complete(served, PROMPT, max_tokens=4), "AB")


def test_lorax_that_looks_for_adapters_on_the_hub_is_told_apart_from_one_that_serves_them(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("lorax", models, tmp_path, adapter_source="hub") as (_, driver):
        driver.load(served, str(models.adapter("AB")))
        with pytest.raises(EngineRefused, match="Repository Not Found"):
            driver.complete(served, PROMPT, max_tokens=4)


def test_an_answer_that_is_not_marked_with_its_adapter_is_not_believed(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, elsewhere = name("ab"), tmp_path / "elsewhere"
    shutil.copytree(models.adapter("XY"), elsewhere / served)
    with driving("lorax", models, tmp_path, naming=Naming.below(elsewhere)) as (_, driver):
        driver.load(served, str(models.adapter("AB")))
        with pytest.raises(EngineMisbehaved) as error:
            driver.complete(served, PROMPT, max_tokens=4)
        assert f"marked x-adapter-id: {elsewhere / served}" in error.value.found


def test_what_lorax_remembers_by_its_path_is_never_other_bytes(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, other = name("ab"), name("xy")
    with driving("lorax", models, tmp_path) as (_, driver):
        driver.load(served, str(models.adapter("AB")))
        driver.unload(served)
        with pytest.raises(EngineRefused):
            driver.load("../elsewhere", str(models.adapter("XY")))
        driver.load(other, str(models.adapter("XY")))
        assert says(driver.complete(other, PROMPT, max_tokens=4), "XY")


def test_a_directory_that_somebody_changed_under_a_published_name_is_refused(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("nim", models, tmp_path) as (engine, driver):
        driver.load(served, str(models.adapter("AB")))
        assert engine.adapters_directory
        config = engine.adapters_directory / served / "adapter_config.json"
        settings = json.loads(config.read_text(encoding="utf-8"))
        config.unlink()
        config.write_text(json.dumps({**settings, "lora_alpha": 1}), encoding="utf-8")
        with pytest.raises(EngineRefused, match="holds other bytes"):
            driver.load(served, str(models.adapter("AB")))


def test_the_files_of_a_published_adapter_are_those_of_the_store(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served, source = name("ab"), models.adapter("AB")
    with driving("nim", models, tmp_path) as (engine, driver):
        driver.load(served, str(source))
        assert engine.adapters_directory
        published = engine.adapters_directory / served
        assert all((published / file.name).samefile(file) for file in source.iterdir())
        driver.unload(served)
        assert not published.exists()
        assert source.is_dir()
        assert not list((engine.adapters_directory.parent / ".adapters.incoming").iterdir())


def test_a_nim_that_never_looks_is_waited_for_no_longer_than_a_load_may_take(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    with driving("nim", models, tmp_path, interval=3600.0) as (_, driver):
        driver.adapters()
        with pytest.raises(EngineRefused, match="does not list it after 1 s") as refusal:
            driver.load(name("ab"), str(models.adapter("AB")))
        assert "NIM_PEFT_REFRESH_INTERVAL" in f"{refusal.value.expected} {refusal.value.remedy}"


def test_a_nim_that_keeps_what_was_withdrawn_does_not_keep_the_agent_from_going_on(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    served = name("ab")
    with driving("nim", models, tmp_path, drops=False, parents=True) as (engine, driver):
        driver.load(served, str(models.adapter("AB")))
        assert driver.identity().base_names == ("tiny",)
        driver.unload(served)
        listed = httpx.get(f"{engine.url}/v1/models").json()["data"]
        assert served in {model["id"] for model in listed}, "this NIM drops nothing"
        assert driver.adapters() == {}


def test_folders_of_others_in_nims_directory_are_neither_listed_nor_touched(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    with driving("nim", models, tmp_path) as (engine, driver):
        assert engine.adapters_directory
        foreign = engine.adapters_directory / "somebodys-adapter"
        foreign.mkdir()
        for file in models.adapter("XY").iterdir():
            (foreign / file.name).write_bytes(file.read_bytes())
        driver.load(name("ab"), str(models.adapter("AB")))
        assert "somebodys-adapter" not in driver.adapters()
        driver.unload("somebodys-adapter")
        assert foreign.is_dir()


def test_tgi_is_given_a_list_that_its_own_reader_understands(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    ab, xy = name("ab"), name("xy")
    with driving("tgi", models, tmp_path) as (engine, driver):
        line = driver.start_with({xy: str(models.adapter("XY")), ab: str(models.adapter("AB"))})
        assert line == (
            f"LORA_ADAPTERS={ab.replace('@', '/')}={models.adapter('AB')},{xy.replace('@', '/')}={models.adapter('XY')}"
        )
        assert driver.adapters() == {}, "nothing is held before the restart"
        engine.start(line)
        assert list(driver.adapters()) == [ab, xy]
        with pytest.raises(EngineRefused, match="cannot name"):
            driver.start_with({ab: "/store/a,b"})


@pytest.mark.parametrize("kind", ["lorax", "nim"])
def test_an_engine_that_reads_a_directory_needs_to_be_told_which(kind: str) -> None:
    with pytest.raises(UsageError, match="none is named"):
        open_engine(kind, EngineAddress("http://127.0.0.1:9"))


@pytest.mark.parametrize("kind", SIMULATED)
def test_a_base_is_proven_as_far_as_the_engine_shows_it_and_by_its_files_beyond(
    kind: str, models: TellingModels, tmp_path: Path
) -> None:
    with driving(kind, models, tmp_path) as (engine, driver):
        unseen = not_shown(driver.capabilities)
        assert unseen == {"sglang": ("chat template",), "lorax": ("chat template",), "tgi": ()}.get(
            kind, ("tokenizer", "chat template")
        )
        if unseen:
            with pytest.raises(BaseMismatch, match="does not show"):
                require_base_files(driver, None)
        require_base_files(driver, models.base.directory)
        prove_base_answers(driver, base_with(engine))
        if driver.capabilities.tokenizes:
            with pytest.raises(BaseMismatch, match="tokenizer behaves differently"):
                prove_base_answers(driver, base_with(engine, tokenizer="sha256:" + "0" * 64))


def base_with(engine: EngineUnderTest, *, tokenizer: str = "") -> BaseRevision:
    """A base revision with the fingerprints of the simulated base, or with another tokenizer's."""
    model = engine.simulator.model
    texts = tokenizer or str(fingerprint([model.tokens(text) for text in PROBE_TEXTS]))
    talks = [model.templated([{"role": role, "content": text} for role, text in talk]) for talk in PROBE_CONVERSATIONS]
    known = base()
    assert known.chat_template
    return known.model_copy(
        update={
            "tokenizer": known.tokenizer.model_copy(update={"fingerprint": texts}),
            "chat_template": known.chat_template.model_copy(update={"fingerprint": str(fingerprint(talks))}),
        }
    )


def test_a_hundred_requests_at_once_each_get_their_own_adapter_through_the_gateway(
    models: TellingModels, tmp_path: Path, name: FreshName
) -> None:
    letters = {name(said): said for said in ("AB", "XY")}
    with driving("sglang", models, tmp_path) as (engine, driver), engine.client() as client:
        engine.bring(driver, {served: models.adapter(said) for served, said in letters.items()})

        def ask(number: int) -> bool:
            served = list(letters)[number % 2]
            body = {"model": served, "prompt": PROMPT, "max_tokens": 8, "temperature": 0}
            answer = client.post("/v1/completions", json=body).raise_for_status()
            assert answer.headers["x-interlock-revision"] == served
            return says(answer.json()["choices"][0]["text"], letters[served])

        # The agent may ask what has no route, and the routing does not stamp that: so there is a table.
        assert engine.routes
        write_table(engine.routes, RouteTable("test", bases=frozenset({"tiny"}), served=frozenset(letters)))
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(ask, range(100)))
