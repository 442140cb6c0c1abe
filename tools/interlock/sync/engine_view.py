"""The engine and its route table as they are now: the observing half of the agent's turn.

Called by `Agent`. Asks the engine and decides nothing; that an engine was restarted shows in what it has forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from interlock.artifacts.durable import read_bounded
from interlock.engines.driver import EngineDriver, EngineIdentity, RoutingProbe
from interlock.errors import EngineError, EngineUnreachable
from interlock.receipts.receipt import EngineSeen
from interlock.routing.table import MAX_TABLE_BYTES, InvalidRouteTable, RouteTable
from interlock.sync.desired import Desired
from interlock.sync.engine_match import why_other_engine
from interlock.sync.memory import Memory
from interlock.sync.plan import Observed, reachable
from interlock.sync.report import Trouble
from interlock.sync.showing import Showing
from interlock.sync.traffic import Traffic

log = logging.getLogger("interlock.sync")

_LONGEST_WORD = 1000
"""Of what an engine says of itself, in a receipt."""


class EngineView:
    """One engine behind one route table."""

    def __init__(
        self, driver: EngineDriver, routes: Path, memory: Memory, showing: Showing, clock: Callable[[], float]
    ) -> None:
        self._driver, self._routes, self._memory, self._clock = driver, routes, memory, clock
        self._showing = showing
        self._identity: EngineIdentity | None = None
        self._probe: RoutingProbe | EngineError = RoutingProbe(live=False)
        self._waits = False
        self._process = ""

    @property
    def told(self) -> str:
        """Kind and version of the engine that answered last, "" before the first answer."""
        return f"{self._identity.kind} {self._identity.version}" if self._identity else ""

    def seen(self) -> EngineSeen:
        """The engine as a receipt names it.

        Raises:
            EngineError: it gave no usable answer.
        """
        known = self._identity or self._driver.identity()
        base = known.base_names[0] if known.base_names else ""
        words = (known.kind, known.version, base, self._driver.process())
        kind, version, base, process = (word[:_LONGEST_WORD] for word in words)
        return EngineSeen(kind=kind, version=version, base=base, process=process)

    @property
    def holds_requests(self) -> bool:
        """Whether requests for what is not loaded are held in front of the engine, and the agent is asked for it.

        What the middleware said last counts, so that one lost answer does not load everything.
        """
        return self._waits

    def observe(self, asked_for: Collection[str] = ()) -> Observed:
        """Ask the engine what it holds, and the middleware in front of it for its requests; `asked_for` are the served
        names for which somebody waits right now.

        Raises:
            EngineError: it gave no usable answer.
        """
        loaded = self._adapters()
        forgot = self._memory.engine_forgot(set(loaded))
        if forgot:
            log.warning("the engine forgot its adapters (it was restarted); loading them again")
            self._identity = None
        if self._identity is None:
            identity = self._driver.identity()
            self._showing.meet(loaded, restarted=forgot)
            self._identity = identity
        table, now = read_table(self._routes), self._clock()
        self._memory.note_routes(set(loaded), reachable(table), now)
        return Observed(loaded, self._identity.base_names, table, self._traffic(set(loaded), table, asked_for, now))

    def _traffic(self, loaded: set[str], table: RouteTable | None, asked_for: Collection[str], now: float) -> Traffic:
        self._probe = probe = self._asked_routing()
        counts = dict.fromkeys(asked_for, now)
        if isinstance(probe, RoutingProbe):
            self._waits = probe.waits
            counts = {name: now - idle for name, idle in probe.idle.items()} | counts
            counts |= dict.fromkeys(probe.in_flight or (), now)
        self._memory.note_uses(loaded, counts, now)
        if isinstance(probe, EngineError) or probe.in_flight is None:
            return Traffic(last_used=dict(self._memory.last_used))
        exact = probe.alone and table is not None and probe.table_digest == table.digest
        return Traffic(probe.in_flight, dict(self._memory.last_used), exact)

    def _asked_routing(self) -> RoutingProbe | EngineError:
        try:
            return self._driver.routing()
        except EngineError as error:
            return error

    def _adapters(self) -> Mapping[str, str]:
        """What the engine holds; an engine that comes back with its adapters is watched for being another process."""
        if not self._driver.capabilities.comes_back_loaded:
            return self._driver.adapters()
        try:
            loaded, process = self._driver.adapters(), self._driver.process()
        except EngineUnreachable:
            self._is_new()
            raise
        if self._process not in ("", process):
            log.warning("the engine is another process; what it holds is proven again")
            self._is_new()
        self._process = process
        return loaded

    def _is_new(self) -> None:
        self._memory.engine_restarted(with_adapters=True)
        self._identity, self._process = None, ""

    def other_engine(self, desired: Desired) -> Trouble | None:
        """Whether another engine answers than the one by which the commit was judged: then nothing is loaded."""
        why = why_other_engine(desired.engine, self._identity) if desired.engine and self._identity else ""
        remedy = f"start the engine that the environment names, or correct environments/{desired.environment}/"
        return Trouble("OtherEngine", why, f"{remedy}environment.yaml", for_people=True) if why else None

    def routing_trouble(self, observed: Observed) -> Trouble | None:
        """Whether the middleware in front of the engine really served the observed table when it was asked."""
        probe = self._probe
        if isinstance(probe, EngineError):
            return engine_trouble(probe)
        if not probe.live:
            return Trouble(
                "RoutingNotLive",
                "the routing middleware does not answer in front of the engine, so aliases lead nowhere",
                "start the engine with: --middleware interlock.routing.middleware.RoutingMiddleware; where it takes no"
                " middleware, start `interlock gateway` in front of it and set engine.routing_url",
                for_people=True,
            )
        if probe.error or (observed.table and probe.table_digest != observed.table.digest):
            why = probe.error or "it serves another route table"
            remedy = f"start the engine with INTERLOCK_ROUTES={self._routes}"
            return Trouble("RoutingStale", f"the routing middleware does not serve our route table: {why}", remedy)
        return None


def engine_trouble(error: EngineError) -> Trouble:
    """What an engine's failure means for the turn."""
    for_people = not isinstance(error, EngineUnreachable)
    return Trouble(type(error).__name__, error.found, error.remedy, for_people=for_people)


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
