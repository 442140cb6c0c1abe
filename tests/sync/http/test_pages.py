"""What watchers get: 200 or 503 with a reason, a status that can be read again, metrics that a scraper reads."""

from __future__ import annotations

import json

import httpx
import pytest

from interlock.sync.http.pages import Pages
from interlock.sync.status import Condition, from_json
from support.http_site import LONGEST_TURN, Site, Watched, running, status


def test_a_node_that_serves_what_git_says_is_ready_available_and_alive(site: Site) -> None:
    for path in ("/healthz", "/readyz", "/available"):
        assert site.client.get(path).status_code == 200, path
    assert site.client.get("/readyz").json() == {"ready": True, "reason": "Fine", "message": "all is well"}


def test_a_refused_commit_makes_it_not_ready_and_still_available(site: Site) -> None:
    site.watched.status = status(Ready=Condition("Ready", "False", "Stalled", "commit 0123 is refused"))
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reason": "Stalled", "message": "commit 0123 is refused"}
    assert site.client.get("/available").status_code == 200


@pytest.mark.parametrize("truth", ["False", "Unknown"])
def test_what_is_not_known_to_be_available_is_not(site: Site, truth: str) -> None:
    site.watched.status = status(Available=Condition("Available", truth, "NotLoaded", "bot@1"))  # type: ignore[arg-type]
    assert site.client.get("/available").json() == {"available": False, "reason": "NotLoaded", "message": "bot@1"}


def test_an_agent_whose_turns_no_longer_end_is_neither_alive_nor_ready(site: Site) -> None:
    site.watched.seconds = LONGEST_TURN
    assert site.client.get("/healthz").status_code == 200
    site.watched.seconds = LONGEST_TURN + 1
    dead = site.client.get("/healthz")
    told = {"alive": False, "seconds_since_last_turn": 901.0, "last_poll": 7.0}
    assert (dead.status_code, dead.json()) == (503, told)
    assert site.client.get("/readyz").json()["reason"] == "AgentSilent"
    assert site.client.get("/status").json()["stale"] is True


def test_before_the_first_turn_nothing_is_ready_and_the_loop_is_alive(site: Site) -> None:
    site.watched.status = None
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").json()["reason"] == "NothingYet"
    assert [site.client.get(path).status_code for path in ("/readyz", "/available", "/status")] == [503] * 3
    assert "interlock_node_condition" not in site.client.get("/metrics").text


def test_the_status_is_the_document_that_others_read(site: Site) -> None:
    document = site.client.get("/status").json()
    assert (document.pop("age_seconds"), document.pop("stale")) == (1.0, False)
    assert from_json(json.dumps(document)) == site.watched.status


def test_the_metrics_hold_the_conditions_the_last_turn_and_the_hints(site: Site) -> None:
    answer = site.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'interlock_node_condition{node="node-1",environment="dev",type="Ready",status="true"} 1' in lines
    assert 'interlock_node_seconds_since_last_turn{node="node-1",environment="dev"} 1.000' in lines
    assert any(line.startswith('interlock_agent_hints_total{outcome="accepted"} ') for line in lines)


def test_a_token_guards_what_names_adapters_and_not_the_probes() -> None:
    refused = status(Ready=Condition("Ready", "False", "Stalled", "bot@2 is not at https://store.internal/bot"))
    pages = Pages(Watched(refused), LONGEST_TURN, token="a-token")
    with (
        running(pages.routes()) as server,
        httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        for path in ("/status", "/metrics"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer another"}).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer a-token"}).status_code == 200
        assert [client.get(path).status_code for path in ("/healthz", "/available")] == [200] * 2
        assert client.get("/readyz").json() == {"ready": False, "reason": "Stalled"}
        assert "bot@2" in client.get("/readyz", headers={"Authorization": "Bearer a-token"}).json()["message"]
