"""The agent makes a real engine serve what git says: first sync, promotion, rollback, restart, canary, drain."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from interlock.documents.layout import environment_path
from interlock.sync.agent import Agent
from interlock.sync.outcome import Done, Failed
from interlock.sync.pace import SHORTEST_PAUSE
from interlock.sync.patience import A_WHILE
from interlock.sync.settings import load_settings
from support.asgi_engine import wait_until
from support.repositories import Repository
from support.serving_node import ServingNode
from support.swapped_directory import SwappedDirectory

REFUNDS = {
    "1": " Refunds take ten days.",
    "2": " Refund granted. Sorry for the trouble.",
    "3": " Refund granted, and here is a voucher.",
}


def test_the_first_sync_makes_every_alias_answer_and_stamps_the_revision(node: ServingNode) -> None:
    assert node.ask("support-bot").status == 404
    agent = node.agent()
    assert agent.run_once() == Done()
    answer = node.ask("support-bot")
    assert (answer.text, answer.revision) == (REFUNDS["1"], node.served("support-bot", "1"))
    assert node.ask("sql-helper", "Question: how many orders?\nSQL:").text == " SELECT 1;"
    assert agent.status
    assert agent.status.commits.applied == node.scratch.git("rev-parse", "HEAD")
    assert {c.type: c.status for c in agent.status.conditions} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "SourceVerified": "True",
        "Fetched": "True",
        "Loaded": "True",
        "Served": "True",
        "RollbackReady": "True",
        "Trust": "False",  # the settings say so: protected: unverified
        "Emergency": "False",
        "Suspended": "False",
        "Fresh": "True",
        "Recorded": "True",
        "Available": "True",
    }


def test_a_promotion_moves_the_alias_and_a_revert_brings_it_back_without_a_load(node: ServingNode) -> None:
    agent = node.agent()
    agent.run_once()
    node.point("support-bot", "2")
    node.push("promote")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == REFUNDS["2"]
    loads = node.loads()
    node.scratch.git("revert", "--no-edit", "HEAD")
    node.scratch.git("push", "--quiet", "origin", "HEAD:main")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == REFUNDS["1"]
    assert node.loads() == loads


def test_going_back_and_forth_follows_every_commit(node: ServingNode) -> None:
    agent = node.agent()
    for revision in ("2", "1", "2", "1"):
        node.point("support-bot", revision)
        node.push(f"serve {revision}")
        assert agent.run_once() == Done()
        assert node.ask("support-bot").text == REFUNDS[revision]


def test_two_promotions_in_one_poll_end_at_the_last_one(node: ServingNode) -> None:
    agent = node.agent()
    agent.run_once()
    node.point("support-bot", "2")
    node.push()
    node.point("support-bot", "3")
    node.push()
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == REFUNDS["3"]
    assert agent.status
    assert agent.status.aliases[1].rollback_targets == (node.served("support-bot", "2"),)


def test_what_no_pointer_names_is_unloaded_only_after_the_drain(node: ServingNode) -> None:
    agent = node.agent()
    agent.run_once()
    first, second, third = (node.served("support-bot", revision) for revision in "123")
    for revision in ("2", "3"):
        node.point("support-bot", revision)
        node.push()
        agent.run_once()
    assert {first, second, third} <= loaded(node)
    node.clock.now += 4
    agent.turn()
    assert first in loaded(node)
    node.clock.now += 2
    agent.turn()
    assert {second, third} <= loaded(node)
    assert first not in loaded(node)
    assert (node.node.directory / "state" / "adapters").is_dir()
    assert len(list((node.node.directory / "state" / "adapters" / "sha256").iterdir())) == 4


def test_what_still_answers_requests_is_unloaded_only_when_they_have_ended(node: ServingNode) -> None:
    agent, first = node.agent(), node.served("support-bot", "1")
    for revision in ("1", "2"):
        node.point("support-bot", revision)
        node.push()
        agent.run_once()
    node.point("support-bot", "3")
    node.push()
    body = {"model": first, "prompt": "x", "max_tokens": 200, "ignore_eos": True}
    with node.client() as client, ThreadPoolExecutor(34) as clients:
        answers = [clients.submit(client.post, "/v1/completions", json=body, timeout=120) for _ in range(34)]
        wait_until(lambda: in_flight(node).get(first, 0) > 20)
        agent.run_once()
        node.clock.now += 6
        agent.turn()
        assert not all(answer.done() for answer in answers), "the test is too slow to show anything"
        assert first in loaded(node)
        assert {answer.result().status_code for answer in answers} == {200}
    wait_until(lambda: in_flight(node) == {})
    agent.turn()
    assert first not in loaded(node)


def test_an_engine_that_was_restarted_gets_its_adapters_back(node_of_its_own: ServingNode) -> None:
    node = node_of_its_own
    agent = node.agent()
    agent.run_once()
    port = node.stop_engine()
    assert isinstance(agent.turn(), Failed)
    node.start_engine(port=port)
    assert node.ask("support-bot").status == 404
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == REFUNDS["1"]


def test_a_new_agent_process_goes_on_where_the_last_one_ended(node: ServingNode) -> None:
    node.agent().run_once()
    loads = node.loads()
    agent = node.agent()
    assert agent.run_once() == Done()
    assert node.loads() == loads


def test_a_canary_takes_its_tenants_and_leaves_the_others(node: ServingNode) -> None:
    agent = node.agent()
    node.point("support-bot", "1", extra='canary: {revision: "2", weight: 0, tenants: [acme]}\n')
    node.push("canary")
    assert agent.run_once() == Done()
    body = {"model": "support-bot", "prompt": "Customer: I want my money back.\nAgent:", "max_tokens": 24}
    with node.client() as client:
        acme = client.post("/v1/completions", json=body, headers={"X-Interlock-Tenant": "acme"})
        other = client.post("/v1/completions", json=body, headers={"X-Interlock-Tenant": "other"})
    assert acme.json()["choices"][0]["text"] == REFUNDS["2"]
    assert other.json()["choices"][0]["text"] == REFUNDS["1"]


def test_an_alias_whose_pointer_is_removed_is_no_longer_answered(node: ServingNode) -> None:
    agent = node.agent()
    agent.run_once()
    node.scratch.git("rm", "--quiet", "environments/production/pointers/sql-helper.yaml")
    node.push("retire")
    assert agent.run_once() == Done()
    assert node.ask("sql-helper").status == 404
    assert node.ask("support-bot").text == REFUNDS["1"]


def test_where_nobody_can_ask_the_agent_a_lazy_adapter_is_loaded_and_proven_like_all(node: ServingNode) -> None:
    node.point("sql-helper", "1", extra="residency: lazy\n")
    node.push("lazy")
    assert node.agent().run_once() == Done()
    before = node.loads()
    assert node.served("sql-helper", "1") in loaded(node)
    assert node.ask("sql-helper", "Question: how many orders?\nSQL:").text == " SELECT 1;"
    assert node.loads() == before


def loaded(node: ServingNode) -> set[str]:
    with node.client() as client:
        return {model["id"] for model in client.get("/v1/models").json()["data"] if model["parent"]}


def test_a_promotion_waits_for_the_wave_of_this_node_and_the_status_says_until_when(node: ServingNode) -> None:
    path = node.scratch.clone / environment_path("production")
    waves = "rollout: {waves: [{nodes: [canary], bake: 10m}, {percent: 100}]}\n"
    path.write_text(path.read_text(encoding="utf-8") + waves, encoding="utf-8")
    node.push("roll out in waves")
    agent = node.agent()
    assert isinstance(agent.run_once(), Done)
    before, after = node.served("support-bot", "1"), node.served("support-bot", "2")
    node.point("support-bot", "2")
    node.push("promote")
    assert isinstance(agent.run_once(), Done)
    assert node.ask("support-bot").revision == before
    assert agent.status
    assert agent.status.condition("Ready").status == "True"
    assert f"{after} waits for wave 2 of 2 until" in agent.status.condition("Ready").message
    (row,) = (row for row in agent.status.aliases if row.alias == "support-bot")
    assert (row.wanted, row.served, row.behind) == (before, before, False)
    (wait,) = agent.status.waiting
    assert (wait.subject, wait.reason) == (after, "Wave")
    command = [sys.executable, "-m", "interlock.cli.main", "sync", "--node", str(node.node.settings), "--once"]
    once = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"The engine is serving commit {node.scratch.git('rev-parse', 'HEAD')[:12]} as far as" in once.stderr
    node.clock.now += 600
    assert isinstance(agent.run_once(), Done)
    assert node.ask("support-bot").revision == after
    assert agent.status.waiting == ()


def test_a_directory_is_served_like_a_branch_and_named_by_its_tree(node: ServingNode, tmp_path: Path) -> None:
    synced = SwappedDirectory(tmp_path / "sync", Repository(node.scratch.clone))
    first = synced.publish()
    settings = node.node.settings
    text = settings.read_text(encoding="utf-8")
    remote = f"remote: {{directory: {json.dumps(str(synced.link))}, poll: 1s}}"
    settings.write_text(re.sub(r"(?m)^remote: .*$", remote, text), encoding="utf-8")
    agent = node.agent()
    assert agent.run_once() == Done()
    assert node.ask("support-bot").revision == node.served("support-bot", "1")
    assert agent.status
    assert agent.status.commits.served == first
    node.point("support-bot", "2")
    second = synced.publish()
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == REFUNDS["2"]
    assert agent.status.commits.served == second
    loads = node.loads()
    node.point("support-bot", "1")
    synced.publish()
    assert agent.run_once() == Done()
    assert (node.ask("support-bot").text, node.loads()) == (REFUNDS["1"], loads)


def in_flight(node: ServingNode) -> dict[str, int]:
    with node.client() as client:
        token = {"X-Interlock-Token": node.node.admin_token}
        counts: dict[str, int] = client.get("/interlock/routing", headers=token).json()["in_flight"]
        return counts


def test_a_turn_leaves_off_between_two_loads_so_that_a_rollback_waits_for_one_at_most(node: ServingNode) -> None:
    def moments(moment: str) -> None:
        if moment == "load:after":
            node.clock.now += A_WHILE + 1

    agent = Agent(load_settings(node.node.settings), clock=node.clock, moments=moments)
    try:
        loaded = []
        for _ in range(8):
            pause = agent.step(hinted=False)
            assert agent.status
            loaded.append(len(agent.status.loaded))
            if agent.status.condition("Ready").status == "True":
                break
            assert agent.status.condition("Ready").reason == "Waiting"
            assert pause == SHORTEST_PAUSE
    finally:
        agent.close()
    assert set(loaded) >= {1, 2}
    assert agent.status
    assert agent.status.condition("Ready").status == "True"
