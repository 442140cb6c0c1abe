"""The routing middleware inside the real engine: aliases in every kind of request, streams, and the live probes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.artifacts.fingerprints import PROBE_CONVERSATIONS, PROBE_TEXTS, fingerprint, local_fingerprints
from interlock.engines.driver import Message
from interlock.routing.table import Route, RouteTable
from support.engine_processes import wait_until
from support.living_example import LivingExample
from support.vllm_serving import ANSWER_TOKENS, REFUND, Serving

pytestmark = pytest.mark.vllm

ALIAS = "support-bot"
FLIP_S = 2.0


def load(serving: Serving, example: LivingExample, *revisions: str) -> list[str]:
    """Load revisions of the support bot under their served names."""
    names = [example.served(ALIAS, revision) for revision in revisions]
    for name, revision in zip(names, revisions, strict=True):
        serving.driver.load(name, str(example.adapter(ALIAS, revision)))
    return names


def table_to(active: str, *loaded: str) -> RouteTable:
    """The table that sends the alias to `active`, with `loaded` beside it."""
    served = frozenset({active, *loaded})
    return RouteTable("production", bases=frozenset({"tiny"}), served=served, routes={ALIAS: Route(active)})


def requests_of(alias: str) -> dict[str, dict[str, Any]]:
    """One request for each route that takes a model."""
    conversation = [{"role": "user", "content": "I want my money back."}]
    greedy = {"model": alias, "max_tokens": ANSWER_TOKENS, "temperature": 0}
    return {
        "/v1/completions": {**greedy, "prompt": REFUND},
        "/v1/chat/completions": {**greedy, "messages": conversation},
        "/v1/messages": {**greedy, "messages": conversation},
        "/v1/responses": {"model": alias, "input": "I want my money back.", "max_output_tokens": ANSWER_TOKENS},
        "/tokenize": {"model": alias, "prompt": REFUND},
    }


def test_the_alias_in_a_body_becomes_the_revision_on_every_route(guarded: Serving, example: LivingExample) -> None:
    (served,) = load(guarded, example, "2")
    guarded.publish(table_to(served))
    for path, body in requests_of(ALIAS).items():
        answer = guarded.client.post(path, json=body)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert answer.headers["x-interlock-revision"] == served, path
        assert answer.headers["x-interlock-alias"] == ALIAS, path
        assert answer.json().get("model", served) == served, path
    assert guarded.ask(ALIAS) == guarded.ask(served) != guarded.ask("tiny")


def test_an_alias_without_a_route_is_unknown_and_its_revision_still_answers(
    guarded: Serving, example: LivingExample
) -> None:
    (served,) = load(guarded, example, "2")
    guarded.publish(RouteTable("production", bases=frozenset({"tiny"}), served=frozenset({served})))
    assert guarded.complete(ALIAS).status_code == 404
    assert guarded.complete(served).status_code == 200


def test_a_stream_keeps_its_chunks_and_says_which_revision_answers(guarded: Serving, example: LivingExample) -> None:
    (served,) = load(guarded, example, "2")
    guarded.publish(table_to(served))
    body = {"model": ALIAS, "prompt": REFUND, "max_tokens": ANSWER_TOKENS, "temperature": 0, "stream": True}
    with guarded.client.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.headers["x-interlock-revision"] == served
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert {chunk["model"] for chunk in chunks} == {served}
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == guarded.ask(served)


def test_a_flip_between_loaded_revisions_needs_no_load_and_takes_less_than_two_seconds(
    guarded: Serving, example: LivingExample
) -> None:
    old, new = load(guarded, example, "1", "2")
    guarded.publish(table_to(new, old))
    assert guarded.ask(ALIAS) == guarded.ask(new)
    began = time.monotonic()
    guarded.publish(table_to(old, new))
    wait_until(lambda: guarded.ask(ALIAS) == guarded.ask(old), within=FLIP_S, what="the alias answers as before")
    assert time.monotonic() - began < FLIP_S
    assert set(guarded.driver.adapters()) == {old, new}


def test_a_load_takes_milliseconds_and_not_the_time_of_a_restart(guarded: Serving, example: LivingExample) -> None:
    began = time.monotonic()
    load(guarded, example, "1", "2", "3")
    assert time.monotonic() - began < 3


def test_the_live_tokenizer_and_template_have_the_fingerprints_of_the_files(
    guarded: Serving, example: LivingExample
) -> None:
    texts = fingerprint([guarded.driver.tokenize_text(text) for text in PROBE_TEXTS])
    conversations = [[Message(role, content) for role, content in talk] for talk in PROBE_CONVERSATIONS]
    talks = fingerprint([guarded.driver.tokenize_conversation(talk) for talk in conversations])
    assert (texts, talks) == local_fingerprints(example.base)
    base = example.base_revision
    assert base.chat_template is not None
    assert (texts, talks) == (base.tokenizer.fingerprint, base.chat_template.fingerprint)


def test_the_metrics_name_adapters_by_their_requests_so_the_agent_asks_for_the_list(
    guarded: Serving, example: LivingExample, make_adapter: Callable[..., Path]
) -> None:
    gone, idle = load(guarded, example, "2")[0], "loaded-and-never-asked"
    guarded.ask_by_name(gone)
    guarded.driver.unload(gone)
    guarded.driver.load(idle, str(make_adapter(idle)))
    metrics = guarded.client.get("/metrics").text
    assert gone in metrics
    assert idle not in metrics
    assert set(guarded.driver.adapters()) == {idle}
