"""The agent on a serving node. Every turn: read desired, observe the engine, plan, apply, report.

Turns are level-triggered: each one looks at what is, not at what happened, so a restart of the engine, of the agent or
of both needs no special case. Whatever goes wrong, the route table that served last stays in place.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.artifacts.file_memory import FileMemory
from interlock.artifacts.store import ArtifactStore
from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver, EngineIdentity
from interlock.engines.registry import open_engine
from interlock.errors import (
    EngineError,
    EngineUnreachable,
    HistoryError,
    HistoryRewritten,
    InterlockError,
    RemoteUnreachable,
    UsageError,
)
from interlock.history.mirror import Mirror, Remote
from interlock.routing.table import MAX_TABLE_BYTES, InvalidRouteTable, RouteTable
from interlock.sync.apply import Tools, apply_step
from interlock.sync.base_answers import BaseAnswers
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired
from interlock.sync.engine_match import why_other_engine
from interlock.sync.memory import Memory
from interlock.sync.metrics import to_metrics
from interlock.sync.outcome import Done, Failed, Outcome, Waiting
from interlock.sync.plan import Observed, Plan, plan, routed_names
from interlock.sync.rejected import Distrusted, Rejected
from interlock.sync.report import Trouble, TurnFacts, outcome_of, status_of
from interlock.sync.settings import NodeSettings
from interlock.sync.source import DesiredSource
from interlock.sync.status import Status, continued, to_json

log = logging.getLogger("interlock.sync")

STATUS_FILE = "status.json"
METRICS_FILE = "metrics.prom"
STATUS_HEARTBEAT = 30.0


class Agent:
    """One node's agent. `clock` is monotonic, `wall` seconds since the epoch; tests bring their own."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        driver: EngineDriver | None = None,
    ) -> None:
        node = settings.node
        settings.state.mkdir(parents=True, exist_ok=True)
        remote = Remote(node.remote.url, node.remote.branch, settings.remote_token)
        self._settings = settings
        self._clock, self._wall = clock, wall
        self._mirror = Mirror(settings.state / "mirror", remote)
        self._driver = driver or open_engine(node.engine.kind, _address(settings))
        self._source = DesiredSource(self._mirror, node.environment, settings.state, node.trust, now=self._moment)
        self._memory = Memory()
        self._tools = Tools(
            driver=self._driver,
            store=ArtifactStore(settings.store),
            repository=self._mirror.repository,
            routes=settings.routes,
            base_directory=settings.base_directory,
            file_memory=FileMemory(settings.state / "base-digests.json"),
            base_answers=BaseAnswers(settings.state / "base-answers.json"),
            clock=clock,
        )
        self._identity: EngineIdentity | None = None
        self._source_trouble: Trouble | None = None
        self._last_poll: float | None = None
        self._applied: str | None = None
        self._status: Status | None = None
        self._written_at = float("-inf")

    @property
    def status(self) -> Status | None:
        """The status after the last turn."""
        return self._status

    def close(self) -> None:
        """Give the engine's connections back."""
        self._driver.close()

    def turn(self) -> Outcome:
        """One turn; never raises an `InterlockError`, because every trouble ends up in the status."""
        self._poll()
        desired, observed, made, engine_trouble = self._desired(), None, None, None
        if desired:
            try:
                observed = self._observe(desired)
                engine_trouble = self._other_engine(desired)
                if engine_trouble is None:
                    observed, made = self._reconcile(desired, observed)
            except EngineError as error:
                engine_trouble = _engine_trouble(error)
            except (InterlockError, OSError) as error:
                engine_trouble = Trouble("NodeTrouble", str(error), getattr(error, "remedy", ""), for_people=True)
        routing_trouble = self._routing_trouble(observed) if observed else None
        facts = self._facts(desired, observed, made, engine_trouble, routing_trouble)
        outcome = outcome_of(facts)
        if isinstance(outcome, Done):
            self._applied = facts.accepted
        self._report(facts)
        return outcome

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop` is set."""
        while not stop.is_set():
            stop.wait(self._pause(self._recorded_turn()))

    def run_once(self, *, rounds: int = 20) -> Outcome:
        """Turn until the engine serves what git says or only a person, a repair or a long wait can help."""
        outcome: Outcome = Failed("nothing was done")
        for _ in range(rounds):
            outcome = self.turn()
            if not isinstance(outcome, Waiting) or outcome.after > 5:
                return outcome
            threading.Event().wait(outcome.after)
        return outcome

    def _recorded_turn(self) -> Outcome:
        try:
            return self.turn()
        except Exception as error:
            # A bug must not end the loop: what serves keeps serving, and the next turn starts from what is.
            log.exception("a turn failed in a way that Interlock did not foresee; please report it")
            return Failed(f"{type(error).__name__}: {error}")

    def _pause(self, outcome: Outcome) -> float:
        poll = self._settings.poll_seconds
        return min(poll, max(outcome.after, 0.1)) if isinstance(outcome, Waiting) else poll

    def _poll(self) -> None:
        before = self._source_trouble
        try:
            if self._source.poll(self._clock()):
                self._memory.new_commit()
            self._last_poll = self._wall()
            refused = self._source.rejected
            self._source_trouble = _refusal(refused, self._clock()) if refused else None
        except RemoteUnreachable as error:
            self._source_trouble = Trouble("RemoteUnreachable", error.found, error.remedy)
        except HistoryRewritten as error:
            self._source_trouble = Trouble("Rewritten", error.found, error.remedy, for_people=True)
        except (HistoryError, InterlockError, OSError) as error:
            remedy = getattr(error, "remedy", "")
            self._source_trouble = Trouble(type(error).__name__, str(error), remedy, for_people=True)
        if self._source_trouble and self._source_trouble != before:
            log.error("%s; what is served now keeps serving", self._source_trouble.message)

    def _desired(self) -> Desired | None:
        try:
            return self._source.desired()
        except (InterlockError, OSError) as error:
            remedy = getattr(error, "remedy", "")
            self._source_trouble = Trouble(type(error).__name__, str(error), remedy, for_people=True)
            return None

    def _other_engine(self, desired: Desired) -> Trouble | None:
        """Whether another engine answers than the one by which the commit was judged: then nothing is loaded."""
        why = why_other_engine(desired.engine, self._identity) if desired.engine and self._identity else ""
        remedy = f"start the engine that the environment names, or correct environments/{desired.environment}/"
        return Trouble("OtherEngine", why, f"{remedy}environment.yaml", for_people=True) if why else None

    def _reconcile(self, desired: Desired, observed: Observed) -> tuple[Observed, Plan]:
        lazy = self._driver.capabilities.lazy
        for turned in range(3 * len(desired.targets) + 6):
            observed = self._observe(desired) if turned else observed
            made = plan(
                desired,
                observed,
                self._memory.known(lazy_engine=lazy),
                now=self._clock(),
                drain=self._settings.drain_seconds,
            )
            if not made.steps:
                break
            for step in made.steps:
                apply_step(step, desired, self._tools, self._memory)
        return observed, made

    def _observe(self, desired: Desired) -> Observed:
        loaded = self._driver.adapters()
        if self._memory.engine_forgot(set(loaded)):
            log.warning("the engine forgot its adapters (it was restarted); loading them again")
            self._identity = None
        if self._identity is None:
            self._identity = self._driver.identity()
        table = read_table(self._settings.routes)
        used = set(desired.targets) | routed_names(table)
        self._memory.note_routes(set(loaded), used, self._clock())
        return Observed(loaded, self._identity.base_names, table)

    def _routing_trouble(self, observed: Observed) -> Trouble | None:
        """Whether the middleware in front of the engine really serves the table that is on disk."""
        try:
            probe = self._driver.routing()
        except EngineError as error:
            return _engine_trouble(error)
        if not probe.live:
            return Trouble(
                "RoutingNotLive",
                "the routing middleware does not answer in front of the engine, so aliases lead nowhere",
                "start the engine with: --middleware interlock.routing.middleware.RoutingMiddleware",
                for_people=True,
            )
        if probe.error or (observed.table and probe.table_digest != observed.table.digest):
            why = probe.error or "it serves another route table"
            remedy = f"start the engine with INTERLOCK_ROUTES={self._settings.routes}"
            return Trouble("RoutingStale", f"the routing middleware does not serve our route table: {why}", remedy)
        return None

    def _facts(
        self,
        desired: Desired | None,
        observed: Observed | None,
        made: Plan | None,
        engine_trouble: Trouble | None,
        routing_trouble: Trouble | None,
    ) -> TurnFacts:
        source_trouble = self._source_trouble
        if desired is None and source_trouble is None:
            source_trouble = Trouble("NothingYet", "no commit was accepted yet")
        return TurnFacts(
            node=self._settings.node.name,
            environment=self._settings.node.environment,
            engine=f"{self._identity.kind} {self._identity.version}" if self._identity else "",
            attempted=self._source.attempted,
            accepted=self._source.accepted,
            desired=desired,
            observed=observed,
            plan=made,
            placed=frozenset(self._memory.directories),
            source_trouble=source_trouble,
            engine_trouble=engine_trouble,
            routing_trouble=routing_trouble,
            last_poll=self._last_poll,
            now=self._clock(),
            demands=self._demands(),
            how=self._source.how_accepted,
            emergencies=self._source.emergencies,
            wall=self._wall(),
        )

    def _demands(self) -> Demands | None:
        try:
            return self._source.demands()
        except HistoryError:
            return None  # the mirror is gone or damaged, which the source says itself

    def _moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._wall(), dt.UTC)

    def _report(self, facts: TurnFacts) -> None:
        earlier = self._status
        self._status = continued(status_of(facts, self._applied), earlier, self._wall())
        same = earlier is not None and _without_times(earlier) == _without_times(self._status)
        if same and self._clock() - self._written_at < STATUS_HEARTBEAT:
            return
        try:
            write_atomically(self._settings.state / STATUS_FILE, to_json(self._status).encode())
            write_atomically(self._settings.state / METRICS_FILE, to_metrics(self._status).encode())
            self._written_at = self._clock()
        except OSError as error:
            log.error("the status cannot be written: %s", error)


def _without_times(status: Status) -> tuple[object, ...]:
    conditions = tuple((c.type, c.status, c.reason, c.message) for c in status.conditions)
    return (status.commits, conditions, status.aliases, status.engine, status.loaded)


def _refusal(refused: Rejected | Distrusted, now: float) -> Trouble:
    after = refused.waits(now)
    return Trouble(refused.reason, refused.why, refused.remedy, for_people=after is None, after=after)


def _engine_trouble(error: EngineError) -> Trouble:
    for_people = not isinstance(error, EngineUnreachable)
    return Trouble(type(error).__name__, error.found, error.remedy, for_people=for_people)


def _address(settings: NodeSettings) -> EngineAddress:
    engine = settings.node.engine
    timeout = engine.timeout.total_seconds()
    return EngineAddress(engine.url, settings.api_key, settings.admin_token, min(timeout, 10.0), timeout)


def read_table(path: Path) -> RouteTable | None:
    """The route table on disk; None when there is none or it is damaged, so that a new one is written."""
    data = read_bounded(path, limit=MAX_TABLE_BYTES)
    if data is None:
        return None
    try:
        return RouteTable.from_json(data)
    except InvalidRouteTable as error:
        log.error("the route table %s is damaged and will be replaced: %s", path, error)
        return None


@contextmanager
def only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory's lock, so that two agents never steer one engine.

    Raises:
        UsageError: another agent holds it.
    """
    state.mkdir(parents=True, exist_ok=True)
    handle = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            remedy = "stop the other one first, or give this node a state directory of its own"
            raise UsageError(f"another agent already works in {state}", remedy=remedy) from error
        yield
    finally:
        os.close(handle)
