"""The agent on a serving node. Every turn: read desired, observe the engine, plan, apply, report.

Turns are level-triggered: each one looks at what is, not at what happened, so a restart of the engine, of the agent or
of both needs no special case. Whatever goes wrong, the route table that served last stays in place.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace

from interlock.artifacts.file_memory import FileMemory
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.registry import open_engine
from interlock.errors import DocumentError, EngineError, InterlockError
from interlock.sync.apply import Tools
from interlock.sync.base_answers import BaseAnswers
from interlock.sync.commit_judge import CommitJudge, open_judge
from interlock.sync.continuation import after_bug, under_way
from interlock.sync.desired import Desired
from interlock.sync.directory_source import DirectorySource
from interlock.sync.engine_view import EngineView, engine_trouble
from interlock.sync.following import Following, unexpected
from interlock.sync.memory import Memory
from interlock.sync.moments import Moments, unwatched
from interlock.sync.outcome import Done, Failed, Outcome, Waiting
from interlock.sync.pace import Pace
from interlock.sync.patience import A_WHILE, FOR_EVER, Patience
from interlock.sync.plan import Observed, Plan, plan, routed_names
from interlock.sync.proof import not_shown
from interlock.sync.receipt_places import receipts_of
from interlock.sync.receipts import serving_of
from interlock.sync.report import Trouble, TurnFacts, outcome_of, status_of
from interlock.sync.settings import NodeSettings
from interlock.sync.source import DesiredSource
from interlock.sync.staging import Staging
from interlock.sync.state_source import StateSource
from interlock.sync.status import Status, StoreState
from interlock.sync.status_files import StatusFiles
from interlock.sync.steering import Order, Steering, SteeringFile
from interlock.sync.steps import apply_steps
from interlock.sync.storekeeper import keeper_of
from interlock.sync.wake import Wake
from interlock.sync.wants import WantAnswer, Wants

log = logging.getLogger("interlock.sync")

START_LIST = "engine.env"
"""In the state directory: what an engine that takes adapters only when it starts must be started with."""


class Agent:
    """One node's agent. `clock` is monotonic, `wall` seconds since the epoch, `chance` uniform in [0, 1); tests bring
    their own. Agents of one process that follow the same branch for the same environment may share a `judge`. `moments`
    is told of everything that is about to change outside (see `moments`), `told` of the status after every turn.
    """

    def __init__(
        self,
        settings: NodeSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        driver: EngineDriver | None = None,
        judge: CommitJudge | None = None,
        moments: Moments = unwatched,
        told: Callable[[Status], None] = lambda _: None,
    ) -> None:
        node = settings.node
        settings.state.mkdir(parents=True, exist_ok=True)
        self._settings, self._pace = settings, Pace(settings.poll_seconds)
        self._clock, self._wall, self._chance, self._moments = clock, wall, chance, moments
        judge = judge or open_judge(settings, now=self._moment)
        branch = DesiredSource(judge, settings.state, moments=moments)
        source: StateSource = branch
        if settings.directory:
            source = DirectorySource(branch, judge.repository, settings.directory)
        self._files = StatusFiles(settings.state, clock, wall, moments, touches=node.http is None)
        earlier = self._files.earlier(node.name, node.environment)
        self._following = Following(source, clock, wall, earlier.last_poll if earlier else None)
        self._driver = driver or open_engine(node.engine.kind, _address(settings))
        self._memory = Memory()
        self._patience = Patience(clock)
        self._wake: Wake | None = None
        self._wants = Wants(clock, self._nudge)
        self._keeper = keeper_of(settings, self._driver, wall, removed=self._memory.collected, moments=moments)
        self._view = EngineView(self._driver, settings.routes, self._memory, self._keeper.showing, clock)
        lists = self._driver.capabilities.lists_adapters
        self._receipts = receipts_of(settings, self._view.seen, clock, wall, moments, lists=lists)
        self._tools = Tools(
            driver=self._driver,
            store=self._keeper.store,
            keeper=self._keeper,
            patience=self._patience,
            repository=judge.repository,
            routes=settings.routes,
            start_list=settings.state / START_LIST,
            base_directory=settings.base_directory,
            file_memory=FileMemory(settings.state / "base-digests.json"),
            base_answers=BaseAnswers(settings.state / "base-answers.json"),
            clock=clock,
            moments=moments,
            access=settings.access,
            ledger=self._receipts,
        )
        self._staging = Staging(
            node.name, node.environment, settings.state, clock=clock, wall=wall, moments=self._moments
        )
        self._steering = SteeringFile(settings.state)
        self._applied = earlier.commits.applied if earlier else None
        self._started = wall()
        self._poll_at = clock()
        self._status: Status | None = None
        self._told = told
        self._stored: StoreState | None = None
        self._wanted: list[Artifact] = []

    @property
    def status(self) -> Status | None:
        """The status after the last turn."""
        return self._status

    def close(self) -> None:
        """Write down that nobody watches any more; give the engine's connections and the store back."""
        self._receipts.ended()
        self._driver.close()
        self._keeper.close()

    def turn(self, *, poll: bool = True) -> Outcome:
        """One turn, with or without asking the remote.

        Never raises an `InterlockError`, because every trouble ends up in the status.
        """
        steering, steering_trouble = self._steered()
        if poll and not steering.suspended:
            self._moments("poll:before")
            if self._following.poll():
                self._memory.new_commit()
            self._moments("poll:after")
        facts = self._facts(steering, steering_trouble)
        desired = self._following.desired()
        staged = self._staging.follow(desired, self._following, steering) if desired else None
        if desired and staged:
            self._wanted = _artifacts(desired, staged.desired)
            facts = replace(facts, desired=staged.desired, waits=staged.waits)
            facts = self._engine_facts(facts, staged.desired)
        self._answer_wants(facts)
        placed = frozenset(self._memory.directories)
        facts = replace(facts, source_trouble=self._following.trouble, placed=placed, recorded=self._receipts.condition)
        outcome = outcome_of(facts)
        if isinstance(outcome, Done):
            self._applied = facts.accepted
            self._collect(facts)
        facts = replace(facts, store=self._stored)
        self._status = self._files.report(status_of(facts, self._applied))
        self._told(self._status)
        return outcome

    def want(self, served: str) -> Future[WantAnswer]:
        """Ask for a lazy adapter from any thread; the loop wakes up, and answers when it is loaded or refused."""
        return self._wants.ask(served)

    def run(self, wake: Wake) -> None:
        """Turn until `wake` is stopped."""
        self._wake = wake
        hinted = True
        while not wake.stopped:
            hinted = wake.wait(self.step(hinted=hinted))

    def step(self, *, hinted: bool) -> float:
        """One turn, in which the remote is asked if that is due or somebody hinted; returns seconds until the next."""
        poll = hinted or self._clock() >= self._poll_at
        self._patience.begin(A_WHILE)
        outcome = self._recorded_turn(poll=poll)
        if poll:
            self._poll_at = self._clock() + self._pace.poll_after(self._following.failures, self._chance())
        return self._pace.pause_after(outcome, self._poll_at - self._clock())

    def run_once(self, *, rounds: int = 20) -> Outcome:
        """Turn until the engine serves what git says or only a person, a repair or a long wait can help."""
        outcome: Outcome = Failed("nothing was done")
        for _ in range(rounds):
            self._patience.begin(FOR_EVER)
            outcome = self.turn()
            if not isinstance(outcome, Waiting) or outcome.after > 5:
                return outcome
            threading.Event().wait(outcome.after)
        return outcome

    def _recorded_turn(self, *, poll: bool) -> Outcome:
        try:
            return self.turn(poll=poll)
        except Exception as error:
            # A bug must not end the loop: what serves keeps serving, and the next turn starts from what is.
            log.exception("a turn failed in a way that Interlock did not foresee; please report it")
            outcome = Failed(f"{type(error).__name__}: {error}")
            if self._status:
                self._status = after_bug(self._status, outcome.why, self._wall())
                self._told(self._status)
                with suppress(Exception):  # the bug may be there
                    self._files.report(self._status)
            return outcome

    def _steered(self) -> tuple[Steering, Trouble | None]:
        """The operator's orders now. Where they cannot be read nothing new is followed."""
        try:
            return self._steering.current().at(self._wall()), None
        except (DocumentError, OSError) as error:
            unknown = Order("unknown", "the orders given on this node cannot be read", self._wall())
            return Steering(unknown), unexpected(error)

    def _engine_facts(self, facts: TurnFacts, desired: Desired) -> TurnFacts:
        """Bring the engine to what is desired, as far as that goes, and add what was found."""
        try:
            observed = self._view.observe(self._wants.take())
            self._tell_first(replace(facts, observed=observed), desired)
            first = None if self._receipts.begun else serving_of(self._view.routing_trouble(observed))
            self._receipts.observed(observed, desired, first)
            trouble = self._view.other_engine(desired)
            if trouble is None:
                hands_off = facts.suspended is not None and facts.suspended.hands_off
                observed, made = self._reconcile(desired, observed, hands_off=hands_off)
                left_off = bool(made.steps) and not hands_off and self._patience.is_over()
                facts = replace(facts, plan=made, under_way=left_off)
            facts = replace(facts, observed=observed, engine_trouble=trouble or facts.engine_trouble)
            routing_trouble = self._view.routing_trouble(observed)
            self._receipts.observed(observed, desired, serving_of(routing_trouble))
            return replace(facts, routing_trouble=routing_trouble, engine=self._view.told)
        except EngineError as error:
            self._receipts.unreachable()
            return replace(facts, engine_trouble=engine_trouble(error), engine=self._view.told)
        except (InterlockError, OSError) as error:
            trouble = replace(unexpected(error), reason="NodeTrouble")
            return replace(facts, engine_trouble=trouble, engine=self._view.told)

    def _tell_first(self, facts: TurnFacts, desired: Desired) -> None:
        """Tell watchers at once what is missing: bringing it into place may take longer than they should wait."""
        loaded = facts.observed.adapters if facts.observed else {}
        missing = any(name not in loaded for name, target in desired.targets.items() if not target.lazy)
        if self._status and (missing or facts.accepted != self._applied):
            found = replace(facts, under_way=True, placed=frozenset(self._memory.directories))
            self._told(under_way(self._status, status_of(found, self._applied), self._wall()))

    def _reconcile(self, desired: Desired, observed: Observed, *, hands_off: bool) -> tuple[Observed, Plan]:
        can = self._driver.capabilities
        asked = self._settings.node.http is not None and self._view.holds_requests and not can.boot_only
        for turned in range(3 * len(desired.targets) + 6):
            observed = self._view.observe(self._wants.take()) if turned else observed
            self._keeper.needs(self._wanted, routed_names(observed.table), observed.adapters)
            made = plan(
                desired,
                observed,
                self._memory.known(asked=asked, boot_only=can.boot_only, answers_unknown=can.answers_unknown),
                now=self._clock(),
                drain=self._settings.drain_times,
                limits=self._settings.lazy_limits,
            )
            if not made.steps or hands_off or (turned and self._patience.is_over()):
                break
            apply_steps(made.steps, desired, self._tools, self._memory)
        return observed, made

    def _collect(self, facts: TurnFacts) -> None:
        """Keep the store within its room, now that nothing is left to do."""
        if facts.suspended is None or not facts.suspended.hands_off:
            self._stored = self._keeper.settle() or self._stored

    def _nudge(self) -> None:
        if self._wake:
            self._wake.nudge()

    def _answer_wants(self, facts: TurnFacts) -> None:
        """Tell those who wait for an adapter what this turn has found about it."""
        served = facts.observed.table.served if facts.observed and facts.observed.table else frozenset()
        refused = (*facts.plan.held, *facts.plan.turned_away) if facts.plan else ()
        self._wants.settle(served, refused, facts.desired.targets.keys() if facts.desired else None)

    def _facts(self, steering: Steering, trouble: Trouble | None) -> TurnFacts:
        """What is known after the poll; the engine was not asked yet."""
        source = self._following.source
        return TurnFacts(
            node=self._settings.node.name,
            environment=self._settings.node.environment,
            engine=self._view.told,
            attempted=source.attempted,
            accepted=source.accepted,
            desired=None,
            observed=None,
            plan=None,
            placed=frozenset(),
            source_trouble=None,
            engine_trouble=trouble,
            routing_trouble=None,
            last_poll=self._following.last_poll,
            now=self._clock(),
            demands=self._following.demands(),
            how=source.how_accepted,
            emergencies=source.emergencies,
            wall=self._wall(),
            suspended=steering.suspended,
            started=self._started,
            silence=self._following.silence,
            fresh_within=self._settings.fresh_seconds,
            unseen=not_shown(self._driver.capabilities),
        )

    def _moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._wall(), dt.UTC)


def _artifacts(*wanted: Desired) -> list[Artifact]:
    return [target.artifact for desired in wanted for target in desired.targets.values()]


def _address(settings: NodeSettings) -> EngineAddress:
    engine = settings.node.engine
    timeout = engine.timeout.total_seconds()
    return EngineAddress(
        engine.url,
        settings.api_key,
        settings.admin_token,
        min(timeout, 10.0),
        timeout,
        admin_key=settings.engine_admin_key,
        routing_url=engine.routing_url or "",
        adapters_directory=settings.adapters_directory,
    )
