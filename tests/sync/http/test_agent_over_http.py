"""The endpoints in front of a real agent: they say what the last turn found, and a hint ends its pause."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from interlock.demo.node import agent_running
from interlock.documents.kinds.node import NodeHttp
from interlock.sync.agent import Agent
from interlock.sync.http.serving import serving
from interlock.sync.pulse import Pulse
from interlock.sync.settings import load_settings
from interlock.sync.status import Status
from interlock.sync.wake import Wake
from support.engine_processes import wait_until
from support.http_site import free_port
from support.serving_node import ServingNode

SECRET = "a-secret-of-forges"


def test_a_push_is_served_after_its_hint_and_the_pages_follow_the_turns(node: ServingNode) -> None:
    settings = load_settings(node.node.settings)
    listen = f"127.0.0.1:{free_port()}"
    hour = settings.node.remote.model_copy(update={"poll": settings.node.drain * 720})
    changed = settings.node.model_copy(update={"http": NodeHttp(listen=listen), "remote": hour})
    settings = replace(settings, node=changed, hook_secret=SECRET)
    pulse, wake = Pulse(time.monotonic), Wake()
    agent = Agent(settings, told=pulse.beat)
    loop = threading.Thread(target=agent.run, args=(wake,))
    with serving(settings, pulse, wake), httpx.Client(base_url=f"http://{listen}", trust_env=False) as client:
        assert client.get("/readyz").json()["reason"] == "NothingYet"
        loop.start()
        try:
            wait_until(lambda: client.get("/readyz").status_code == 200, within=60, what="the node is ready")
            node.point("support-bot", "2")
            commit = node.push("promote")
            signature = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
            assert (
                client.post("/hooks/push", content=b"{}", headers={"X-Gitea-Signature": signature}).status_code == 202
            )
            served = lambda: client.get("/status").json()["commits"]["served"] == commit  # noqa: E731
            wait_until(served, within=60, what="the pushed commit is served, an hour before the next poll")
            assert client.get("/status").json()["history"][-1]["served"] == node.served("support-bot", "2")
        finally:
            wake.stop()
            loop.join(30)
            agent.close()


def test_an_engine_that_forgot_everything_is_told_before_it_is_filled_again(node: ServingNode) -> None:
    told = list[Status]()
    agent = Agent(load_settings(node.node.settings), clock=node.clock, told=told.append)
    try:
        agent.run_once()
        assert told[-1].condition("Available").status == "True"
        with node.client() as client:
            for name in told[-1].loaded:
                headers = {"x-interlock-token": node.node.admin_token}
                client.post("/v1/unload_lora_adapter", json={"lora_name": name}, headers=headers).raise_for_status()
        told.clear()
        agent.turn()
    finally:
        agent.close()
    first, last = told[0], told[-1]
    assert {kind: first.condition(kind).status for kind in ("Ready", "Available", "Loaded")} == dict.fromkeys(
        ("Ready", "Available", "Loaded"), "False"
    )
    assert (last.condition("Ready").status, last.condition("Available").status) == ("True", "True")


def test_the_agent_s_process_answers_tells_systemd_and_stops_when_asked(
    node: ServingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with node.node.settings.open("a", encoding="utf-8") as settings:
        settings.write(f"http: {{listen: '127.0.0.1:{port}'}}\n")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        with agent_running(node.node, tmp_path / "agent.log") as process:
            assert systemd.recv(1000) == b"READY=1"
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
            assert systemd.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
            process.terminate()
            assert process.wait(30) == 0
        while (said := systemd.recv(1000)) != b"STOPPING=1":
            assert said.startswith(b"WATCHDOG=1")
