"""Many agents in one process, each with its own state, poll interval and pause. Started by `measure`.

One thread takes the step that is due next, as `interlock sync` does for one agent. The agents share the judge of
commits (`CommitJudge`), as those of one machine may, and nothing else. Writes one JSON line on standard output whenever
the route of the alias moves on one of them, and one with the lateness of its polls at the end.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.fleet.replica import Recorded, Replica
from interlock.engines.address import EngineAddress
from interlock.engines.registry import open_engine
from interlock.sync.agent import Agent
from interlock.sync.commit_judge import open_judge
from interlock.sync.settings import NodeSettings, load_settings


@dataclass
class _One:
    name: str
    agent: Agent
    served: str = ""
    asked: float = 0.0
    longest: float = 0.0


def main() -> None:
    """Arguments: a node's settings, a directory, the first number, how many, the alias, seconds to run."""
    template, directory, first, count, alias, seconds = sys.argv[1:]
    settings = load_settings(Path(template))
    root = Path(directory)
    engine = EngineAddress(settings.node.engine.url, settings.api_key, settings.admin_token)
    recorded = Recorded(open_engine(settings.node.engine.kind, engine))
    judge = open_judge(replace(settings, state=root / f"judge-{first}"), shared=True)
    fleet = [_agent(settings, root, number, recorded, judge) for number in range(int(first), int(first) + int(count))]
    began = time.monotonic()
    end = began + float(seconds)
    poll = settings.poll_seconds
    due = [(began + random.random() * poll, number) for number in range(len(fleet))]
    heapq.heapify(due)
    while due[0][0] < end:
        at, number = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        pause = _step(fleet[number], alias)
        heapq.heappush(due, (time.monotonic() + pause, number))
    print(json.dumps({"longest_between_polls": [one.longest for one in fleet]}), flush=True)


def _agent(settings: NodeSettings, root: Path, number: int, recorded: Recorded, judge: object) -> _One:
    name = f"node-{number:05d}"
    state = root / name
    node = settings.node.model_copy(update={"name": name})
    own = replace(settings, node=node, state=state, store=state / "adapters", routes=state / "routes.json")
    return _One(name, Agent(own, driver=Replica(recorded, own.routes), judge=judge))  # type: ignore[arg-type]


def _step(one: _One, alias: str) -> float:
    pause = one.agent.step(hinted=False)
    status = one.agent.status
    assert status
    now = time.time()
    if status.last_poll and status.last_poll != one.asked:
        one.longest = max(one.longest, status.last_poll - one.asked) if one.asked else 0.0
        one.asked = status.last_poll
    served = next((row.served for row in status.aliases if row.alias == alias), "")
    if served != one.served:
        one.served = served
        print(json.dumps({"node": one.name, "served": served, "at": now}), flush=True)
    return pause


if __name__ == "__main__":
    main()
