"""The agent's side of receipts: says what is served after each flip, and whenever something else changed it.

Called by `apply` after a flip and by `Agent` for what it observes. Level-triggered as the agent is: what is on disk and
in the engine is compared with what the last receipt says, so that a flip whose receipt could not be written or whose
agent was killed in between is recorded at the next chance. Never raises and never holds anything up.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from interlock.errors import EngineError, InterlockError
from interlock.receipts.journal import Journal
from interlock.receipts.push.loop import Pusher
from interlock.receipts.receipt import EngineSeen, Event, Serving
from interlock.receipts.witnessed import Witnessed, routes_of
from interlock.routing.table import RouteTable
from interlock.sync.desired import Desired
from interlock.sync.moments import Moments, unwatched
from interlock.sync.plan import Observed, routed_names
from interlock.sync.report import Trouble
from interlock.sync.status import Condition

log = logging.getLogger("interlock.sync")

LAST_PUSH = 5.0
"""Seconds that all places together get when the agent ends."""

Look = Callable[[], EngineSeen]
"""Asks the engine who it is; may raise an EngineError."""


class Receipts:
    """The receipts of one agent, into one journal."""

    def __init__(
        self,
        journal: Journal,
        look: Look,
        moments: Moments = unwatched,
        *,
        lists: bool = True,
        pushers: Sequence[Pusher] = (),
        confirm: float = math.inf,
    ) -> None:
        """`lists` says whether the engine tells which adapters it holds; `pushers` copy what is written. Where nothing
        changes, a receipt says so every `confirm` seconds.
        """
        self._journal, self._look, self._moments, self._lists = journal, look, moments, lists
        self._pushers, self._confirm = pushers, confirm
        self._now = Witnessed()
        self._table: RouteTable | None = None
        self._begun = False
        self._trouble = ""
        self._looked: float | None = None
        self._written = 0.0

    @property
    def begun(self) -> bool:
        """Whether this agent has looked at what is served yet."""
        return self._begun

    @property
    def condition(self) -> Condition | None:
        """What the status says of receipts, None before the first one."""
        if self._trouble:
            return Condition("Recorded", "False", "NotWritten", self._trouble)
        if not self._begun:
            return None
        behind = [why for pusher in self._pushers if (why := pusher.behind)]
        if behind:
            return Condition("Recorded", "False", "NotPushed", "; ".join(behind))
        if self._journal.key is None:
            message = "receipts are written and not signed: settings of this node name no receipts.key_file"
            return Condition("Recorded", "True", "Unsigned", message)
        signer = self._journal.key.public.fingerprint
        return Condition("Recorded", "True", "Signed", f"receipts are written and signed with {signer}")

    def flipped(self, table: RouteTable, desired: Desired) -> None:
        """The route table was replaced by `table`."""
        with self._never_raising():
            self._settle(self._with_table(self._now, table, desired), flipped=True)

    def observed(self, observed: Observed, desired: Desired, serving: Serving | None = None) -> None:
        """The engine and the table as they are; `serving` None: as it was seen last."""
        with self._never_raising():
            self._observed(observed, desired, serving)

    def _observed(self, observed: Observed, desired: Desired, serving: Serving | None) -> None:
        if self._begun and serving is None and self._now.serving == "engine-unreachable":
            return  # what it has forgotten meanwhile, nobody can ask it before it serves again
        absent = _absent(observed) if self._lists else ()
        now = replace(self._with_table(self._now, observed.table, desired), absent=absent)
        now = replace(now, serving=serving or now.serving)
        if not self._begun or self._now.serving == "engine-unreachable" or set(absent) - set(self._now.absent):
            now = replace(now, engine=self._engine())
        self._settle(now)

    def unreachable(self) -> None:
        """The engine did not answer."""
        with self._never_raising():
            if self._begun:
                self._settle(replace(self._now, serving="engine-unreachable"))

    def ended(self) -> None:
        """The agent ends; what is served goes on, and nobody watches it."""
        with self._never_raising():
            if self._begun:
                self._write("ended", self._now)
        for pusher in self._pushers:
            pusher.finish()
        deadline = time.monotonic() + LAST_PUSH
        for pusher in self._pushers:
            pusher.close(max(0.0, deadline - time.monotonic()))

    def _with_table(self, now: Witnessed, table: RouteTable | None, desired: Desired) -> Witnessed:
        if self._begun and table == self._table:
            return now
        known = {name: str(target.artifact.digest) for name, target in desired.targets.items()}
        last = self._journal.last
        known = {**(last.digests() if last else {}), **known}
        told = (table.commit, table.digest) if table else ("", "")
        new = replace(now, commit=told[0], table=told[1], routes=routes_of(table, known.get))
        self._table = table
        return new

    def _engine(self) -> EngineSeen:
        try:
            return self._look()
        except EngineError:
            return EngineSeen()

    def _settle(self, now: Witnessed, *, flipped: bool = False) -> None:
        """Write a receipt if anything is other than the last one says, or was meanwhile without one."""
        self._now, last, moment = now, self._journal.last, self._journal.wall()
        if not self._begun:
            event: Event = "began"
        elif last == now and not self._trouble:
            self._looked = moment
            if self._journal.clock() - self._written < self._confirm:
                return
            event = "observed"
        elif self._trouble or last is None:
            event = "found"
        elif last.table == now.table:
            event = "observed"
        else:
            event = "flipped" if flipped else "found"
        if flipped and not self._trouble:
            self._looked = moment  # until now what the last receipt says held, also if this one cannot be written
        self._write(event, now)
        self._begun, self._looked, self._written = True, moment, self._journal.clock()

    def _write(self, event: Event, now: Witnessed) -> None:
        self._moments("receipt:before")
        self._journal.append(event, now, since=self._looked if event in ("found", "observed") else None)
        if self._trouble:
            log.info("receipts are written again")
        self._trouble = ""
        self._moments("receipt:after")
        for pusher in self._pushers:
            pusher.hint()

    @contextmanager
    def _never_raising(self) -> Iterator[None]:
        """Nothing that is served waits for a receipt: what goes wrong is told, and tried again at the next turn."""
        try:
            yield
        except (InterlockError, OSError, ValueError) as error:  # ValueError: what has no place in a receipt
            self._refused(error)

    def _refused(self, error: Exception) -> None:
        message = str(error).replace("\n", "; ")[:500]
        if self._trouble != message:
            log.error("%s; what is served goes on", message)
        self._trouble = message


def _absent(observed: Observed) -> tuple[str, ...]:
    """Routed revisions that the engine does not hold, except for those that are loaded when somebody asks."""
    lazy = observed.table.lazy if observed.table else frozenset()
    return tuple(sorted(routed_names(observed.table) - observed.adapters.keys() - lazy))


def serving_of(trouble: Trouble | None) -> Serving:
    """What a trouble with the routing middleware means for who is served."""
    reasons: dict[str, Serving] = {"RoutingNotLive": "routing-not-live", "RoutingStale": "routing-stale"}
    return reasons.get(trouble.reason, "engine-unreachable") if trouble else "yes"
