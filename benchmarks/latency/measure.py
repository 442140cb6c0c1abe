"""From a push to the first answer of the revision that it asks for, on the real vLLM (CPU build), and a peer beside it.

    python -m benchmarks.latency.measure          # after: make vllm-environment

Limits: 0.3 s at the median when the forge's hint arrives; half a poll interval and 0.5 s at the median by polling.
Changes are signed and approved, and the node verifies that. A promotion is loaded and proven before the alias moves; a
rollback finds its revision loaded. Then, on the same engine, a loop that watches a local file (`file_watcher`): from
the replaced file to the first answer of a new name, and whether a changed source under the same name is ever served.
Each measurement looks at the engine every few milliseconds, with one token a question.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.changes import ADAPTER, PROMOTE, ROLL_BACK, Changes
from benchmarks.example_node import example_node
from benchmarks.latency.file_watcher import FileWatcher
from interlock.artifacts.durable import write_atomically
from interlock.demo.engine_process import free_port
from interlock.demo.node import DemoNode, agent_running
from interlock.demo.traffic import REVISION_HEADER, open_client

POLL_SECONDS = 10
ROUNDS = 4
WITHIN = 120.0
LOOK_EVERY = 0.01
AFTER_DRAIN = 7.0
"""Longer than the node's drain time: what a rollback left is unloaded, so that a promotion has to load it again."""
SECRET = "the secret of the forge's webhook"
PROMPT = "Customer: I want my money back.\nAgent:"


def measure(root: Path, *, engine: str = "vllm") -> dict[str, object]:
    """Measure below `root`; times in seconds."""
    with ExitStack() as stack:
        example = example_node(root, stack, kind=engine)
        node, running, scratch = example.node, example.engine, example.scratch
        hook = _settings(node)
        client = stack.enter_context(open_client(running.url))
        watched = Watched(client, node, hook, Changes(scratch, example.people))
        with agent_running(node, root / "agent.log"):
            watched.until(lambda: watched.alias_answers_from(""), "the first answer")
            hinted = watched.rounds(hint=True)
            polled = watched.rounds(hint=False)
        peer = _peer(watched, running.url, scratch.clone, root)
        return {
            "engine": engine,
            "poll_seconds": POLL_SECONDS,
            **_told("hinted", hinted),
            **_told("polled", polled),
        } | {
            "hinted_limit_seconds": 0.3,
            "polled_limit_seconds": POLL_SECONDS / 2 + 0.5,
            **peer,
        }


def _told(name: str, rounds: dict[str, list[float]]) -> dict[str, object]:
    every = [seconds for found in rounds.values() for seconds in found]
    return {
        f"{name}_median_seconds": round(statistics.median(every), 2),
        f"{name}_promotions_seconds": [round(seconds, 2) for seconds in rounds["promotions"]],
        f"{name}_rollbacks_seconds": [round(seconds, 2) for seconds in rounds["rollbacks"]],
    }


@dataclass
class Watched:
    """An engine whose answers are looked at, and the changes that are pushed meanwhile."""

    client: httpx.Client
    node: DemoNode
    hook: str
    changes: Changes

    def rounds(self, *, hint: bool) -> dict[str, list[float]]:
        """Promote and roll back; seconds from the end of each push to the first answer of what it asked for."""
        found: dict[str, list[float]] = {"promotions": [], "rollbacks": []}
        for number in range(ROUNDS):
            for words, kind in ((PROMOTE, "promotions"), (ROLL_BACK, "rollbacks")):
                wanted = self.changes.prepare(words)
                # Pushes fall into every part of the poll interval alike.
                time.sleep(AFTER_DRAIN + POLL_SECONDS * number / ROUNDS)
                self.changes.push()
                began = time.monotonic()
                if hint:
                    self._hint()
                self.until(lambda wanted=wanted: self.alias_answers_from(wanted), wanted)  # type: ignore[misc]
                found[kind].append(time.monotonic() - began)
        return found

    def alias_answers_from(self, served: str) -> bool:
        """Whether the alias is answered by a revision, by any for ""."""
        return self._revision(ADAPTER).startswith(served or ADAPTER)

    def answers(self, model: str) -> str | None:
        """What a model answers to the agent's token; None where it does not."""
        headers = {"X-Interlock-Token": self.node.admin_token}
        body = {"model": model, "prompt": PROMPT, "max_tokens": 8, "temperature": 0}
        reply = self.client.post("/v1/completions", json=body, headers=headers)
        return str(reply.json()["choices"][0]["text"]) if reply.status_code == 200 else None

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look until it holds."""
        deadline = time.monotonic() + WITHIN
        while not holds():
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {WITHIN:g} s: {what}")
            time.sleep(LOOK_EVERY)

    def _revision(self, model: str) -> str:
        body = {"model": model, "prompt": PROMPT, "max_tokens": 1, "temperature": 0}
        reply = self.client.post("/v1/completions", json=body)
        return reply.headers.get(REVISION_HEADER, "") if reply.status_code == 200 else ""

    def _hint(self) -> None:
        body = b'{"ref": "refs/heads/main"}'
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        reply = httpx.post(
            self.hook, content=body, headers={"X-Hub-Signature-256": f"sha256={signature}"}, trust_env=False
        )
        reply.raise_for_status()


def _peer(watched: Watched, url: str, clone: Path, root: Path) -> dict[str, object]:
    """The same engine under a loop that watches a file."""
    file = root / "adapters.json"
    first, second = (str(directory) for directory in sorted((clone / "artifacts").glob(f"{ADAPTER}@*"))[:2])
    write_atomically(file, b"{}")
    seconds = []
    with FileWatcher(file, url, watched.node.admin_token) as watcher:
        for number in range(2 * ROUNDS):
            name = f"watched-{number}"
            time.sleep(number / (2 * ROUNDS))
            write_atomically(file, json.dumps({name: first}).encode())
            began = time.monotonic()
            watched.until(lambda name=name: watched.answers(name) is not None, name)  # type: ignore[misc]
            seconds.append(time.monotonic() - began)
        before = watched.answers(name)
        write_atomically(file, json.dumps({name: second}).encode())
        watched.until(lambda: watcher.says_loaded.get(name) == second, "the loop says that it loaded it")
        after = watched.answers(name)
    return {
        "file_watcher_median_seconds": round(statistics.median(seconds), 2),
        "file_watcher_seconds": [round(one, 2) for one in seconds],
        "file_watcher_serves_a_changed_source": before != after,
        "file_watcher_says_that_it_does": True,
    }


def _settings(node: DemoNode) -> str:
    """Write the node's settings with a poll interval and a hook; returns the address of the hook."""
    secret, port = node.directory / "hook-secret", free_port()
    secret.touch(mode=0o600)
    secret.write_text(SECRET, encoding="ascii")
    text = node.settings.read_text(encoding="utf-8").replace("poll: 1s", f"poll: {POLL_SECONDS}s")
    listening = f"http: {{listen: 127.0.0.1:{port}, hook_secret_file: hook-secret}}\n"
    node.settings.write_text(text + listening, encoding="utf-8")
    return f"http://127.0.0.1:{port}/hooks/push"


def main() -> None:
    """Measure and print one JSON document."""
    with tempfile.TemporaryDirectory(prefix="interlock-latency-") as root:
        print(json.dumps(measure(Path(root) / "scratch"), indent=2))


if __name__ == "__main__":
    main()
