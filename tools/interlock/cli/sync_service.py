"""Runs the agents of one machine as a service: one, or one for each engine of a machine with several cards.

Called by `interlock sync`. Each agent has its own thread, settings, state, pause and endpoints. Those that follow the
same branch for the same environment share the judging of commits, and with it one copy of the remote.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Hashable, Sequence
from contextlib import ExitStack

from interlock.errors import InterlockError, UsageError
from interlock.sync.agent import Agent
from interlock.sync.commit_judge import CommitJudge, open_judge
from interlock.sync.only_agent import only_agent
from interlock.sync.pulse import Pulse, to_service_manager
from interlock.sync.settings import NodeSettings
from interlock.sync.wake import Wake

log = logging.getLogger("interlock.sync")


def serve(nodes: Sequence[NodeSettings]) -> None:
    """Run the agents of these nodes until a signal ends them.

    Raises:
        UsageError: two of them would work in one place, or another process works in one.
        InterlockError: not even one of the agents can begin.
    """
    _refuse_shared_places(nodes)
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(only_agent(node.state))
        runs = begun(nodes, stack)
        wakes = [run.wake for run in runs]
        obey_signals(wakes)
        for run in runs:
            run.listen(stack)
        to_service_manager("READY=1")
        stack.callback(to_service_manager, "STOPPING=1")
        threads = [threading.Thread(target=run.until_stopped, name=run.name) for run in runs[1:]]
        for thread in threads:
            thread.start()
        try:
            runs[0].until_stopped()
        finally:
            for wake in wakes:
                wake.stop()
            for thread in threads:
                thread.join()


def begun(nodes: Sequence[NodeSettings], stack: ExitStack) -> list[_Run]:
    """An agent for each node, closed when the stack is left.

    One that cannot begin, for example because a file of its state is damaged, is told and left out: the engines beside
    it go on.
    """
    judges, chorus, runs, errors = _judges(nodes), Chorus(), list[_Run](), list[InterlockError]()
    for node in nodes:
        try:
            runs.append(_Run(node, judges.get(branch_of(node)), chorus))
        except InterlockError as error:
            log.critical("the agent of %s cannot begin: %s", node.node.name, error)
            errors.append(error)
        else:
            stack.callback(runs[-1].close)
    if not runs:
        raise errors[0]
    chorus.voices = len(runs)
    return runs


class Chorus:
    """Tells the service manager that the process lives when each of its agents has ended a turn since last time."""

    def __init__(self, voices: int = 1) -> None:
        self.voices = voices
        self._heard, self._lock = set[int](), threading.Lock()

    def notify(self, voice: int, text: str) -> None:
        """Pass a message on, without its sign of life as long as others have not given theirs."""
        with self._lock:
            self._heard.add(voice)
            complete = len(self._heard) == self.voices
            if complete:
                self._heard.clear()
        lines = text.splitlines() if complete else [line for line in text.splitlines() if line != "WATCHDOG=1"]
        to_service_manager("\n".join(lines))


class _Run:
    """One agent with its endpoints."""

    def __init__(self, node: NodeSettings, judge: CommitJudge | None, chorus: Chorus) -> None:
        self.name = node.node.name
        self._node, self.wake = node, Wake()
        self._pulse = Pulse(time.monotonic, lambda text: chorus.notify(id(self), text))
        self._agent = Agent(node, told=self._pulse.beat, judge=judge)

    def listen(self, stack: ExitStack) -> None:
        """Answer over HTTP until the stack is left, where the settings ask for that.

        Raises:
            UsageError: nobody can listen at the address in the settings.
        """
        if self._node.node.http:
            from interlock.sync.http.serving import serving  # not everybody wants it
            from interlock.sync.http.want import WantPage

            asked = WantPage(self._agent.want, self._node.admin_token)
            stack.enter_context(serving(self._node, self._pulse, self.wake, asked.routes()))

    def until_stopped(self) -> None:
        """Turn until the wake is stopped."""
        self._agent.run(self.wake)

    def close(self) -> None:
        """Give everything back."""
        self._agent.close()


def _judges(nodes: Sequence[NodeSettings]) -> dict[Hashable, CommitJudge]:
    """A judge for each branch and environment that several of the nodes follow."""
    branches = [branch_of(node) for node in nodes]
    return {
        branch: open_judge(nodes[branches.index(branch)], shared=True)
        for branch in dict.fromkeys(branches)
        if branch is not None and branches.count(branch) > 1
    }


def branch_of(node: NodeSettings) -> Hashable:
    """What two nodes must have in common to share a judge; None for a node that follows a directory."""
    settings = node.node
    if node.directory:
        return None
    trust, sources = settings.trust.model_dump_json(), node.access
    remote = settings.remote.model_dump_json(exclude={"poll"})
    return (remote, node.remote_token, settings.environment, trust, sources)


def _refuse_shared_places(nodes: Sequence[NodeSettings]) -> None:
    for what, places in (("state", [node.state for node in nodes]), ("routes", [node.routes for node in nodes])):
        found = [place.resolve() for place in places]
        for number, place in enumerate(found):
            if place in found[:number]:
                first, second = nodes[found.index(place)].node.name, nodes[number].node.name
                raise UsageError(
                    f"{first} and {second} have the same `{what}`: {place}",
                    remedy=f"give each node a `{what}` of its own in its settings",
                )


def obey_signals(wakes: Sequence[Wake]) -> None:
    """Stop every agent at SIGTERM and SIGINT, and let every agent look at once at SIGHUP."""

    def stop(*_: object) -> None:
        for wake in wakes:
            wake.stop()

    def hint(*_: object) -> None:
        for wake in wakes:
            wake.hint()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, hint)
