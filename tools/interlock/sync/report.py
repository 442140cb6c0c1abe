"""From the facts of one turn to conditions and an outcome. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from interlock.approvals.facts import PastEmergency
from interlock.findings.readable import readable
from interlock.routing.table import Route
from interlock.sync.demands import Demands
from interlock.sync.desired import Desired, DesiredAlias
from interlock.sync.outcome import Done, Failed, Outcome, Stalled, Waiting
from interlock.sync.pace import LOOK
from interlock.sync.plan import Held, Observed, Plan, routed_names
from interlock.sync.rollout import Waits
from interlock.sync.status import AliasStatus, Commits, Condition, Status, StoreState, Truth, Wait
from interlock.sync.steering import Order


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong outside of a single revision: one word, a sentence, and what to do."""

    reason: str
    message: str
    remedy: str = ""
    for_people: bool = False
    """Whether a person must act; otherwise the next turn may heal it."""
    after: float | None = None
    """Seconds until it is looked at again, where it is merely waited for."""


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """What one turn found. `observed` and `plan` are None when the engine did not answer.

    `demands` are those of new commits (None: not known yet), `how` says what stands behind the accepted one.
    """

    node: str
    environment: str
    engine: str
    attempted: str | None
    accepted: str | None
    desired: Desired | None
    observed: Observed | None
    plan: Plan | None
    placed: frozenset[str]
    source_trouble: Trouble | None
    engine_trouble: Trouble | None
    routing_trouble: Trouble | None
    last_poll: float | None
    now: float
    demands: Demands | None = None
    how: str = ""
    emergencies: tuple[PastEmergency, ...] = ()
    wall: float = 0.0
    suspended: Order | None = None
    started: float = 0.0
    silence: float = 0.0
    """Seconds, by the monotonic clock, since the remote answered last, or since the start if it never did."""
    fresh_within: float = 300.0
    under_way: bool = False
    """Whether the turn has only looked so far."""
    recorded: Condition | None = None
    """What is said of this node's receipts; None before there are any."""
    waits: tuple[Waits, ...] = ()
    """Promotions that this node does not follow yet; `desired` is what it follows."""
    unseen: tuple[str, ...] = ()
    """What of the base the running engine does not show, so that only its files were compared."""
    store: StoreState | None = None


def outcome_of(facts: TurnFacts) -> Outcome:
    """How the turn ended, the most serious thing first."""
    if facts.under_way:
        return Waiting(0.0, f"commit {(facts.accepted or '')[:12]} is being brought into place")
    troubles = [t for t in (facts.engine_trouble, facts.source_trouble, facts.routing_trouble) if t]
    for trouble in troubles:
        if trouble.for_people:
            return Stalled(trouble.message, trouble.remedy)
    held = facts.plan.held if facts.plan else ()
    for one in held:
        if one.for_people:
            return Stalled(f"{one.served}: {one.why}", one.remedy)
    if troubles:
        waits = [trouble.after for trouble in troubles if trouble.after is not None]
        return Waiting(min(waits), troubles[0].message) if len(waits) == len(troubles) else Failed(troubles[0].message)
    if facts.plan is None:
        return Failed("nothing was compared with git yet")
    if held:
        first = min(held, key=lambda one: one.retry_at or 0.0)
        return Waiting(max(0.0, (first.retry_at or 0.0) - facts.now), f"{first.served}: {first.why}")
    if facts.plan.steps and facts.suspended and facts.suspended.hands_off:
        return Waiting(LOOK, f"suspended by {facts.suspended.by}: {facts.suspended.reason}")
    if facts.plan.steps:
        return Failed("the engine did not settle within one turn")
    return Done()


def status_of(facts: TurnFacts, applied: str | None) -> Status:
    """All conditions and rows; `applied` is the commit that was served completely, now or earlier."""
    outcome = outcome_of(facts)
    aliases = _rows(facts)
    answers = _served(facts)
    conditions = (
        _ready(facts, outcome),
        _reconciling(outcome),
        _stalled(outcome),
        _source_verified(facts),
        _fetched(facts),
        _loaded(facts),
        answers,
        _rollback_ready(facts, aliases),
        _trust(facts),
        _emergency(facts),
        _suspended(facts),
        _fresh(facts),
        facts.recorded or _condition("Recorded", None, "NothingYet", "nothing was served yet, so there is no receipt"),
        _available(facts),
    )
    return Status(
        node=facts.node,
        environment=facts.environment,
        commits=Commits(facts.attempted, facts.accepted, applied, facts.accepted if answers.status == "True" else None),
        conditions=conditions,
        aliases=aliases,
        engine=facts.engine,
        last_poll=facts.last_poll,
        loaded=tuple(sorted(facts.observed.adapters)) if facts.observed else (),
        waiting=_waiting(facts),
        started=facts.started,
        fresh_within=facts.fresh_within,
        store=facts.store,
    )


def _waiting(facts: TurnFacts) -> tuple[Wait, ...]:
    """What is looked at again by itself, and when; a revision that only a person can help is no wait."""
    held = [one for one in (facts.plan.held if facts.plan else ()) if one.retry_at is not None]
    later = [(one, max(0.0, (one.retry_at or 0.0) - facts.now)) for one in held]
    return (
        *_source_wait(facts),
        *(Wait(one.served, "HeldBack", one.why, facts.wall + seconds) for one, seconds in later),
        *(Wait(one.target, "Wave" if one.due is not None else "Held", one.told, one.until) for one in facts.waits),
    )


def _source_wait(facts: TurnFacts) -> tuple[Wait, ...]:
    source = facts.source_trouble
    if source is None or source.after is None:
        return ()
    subject = f"commit {facts.attempted[:12]}" if facts.attempted else "the remote"
    return (Wait(subject, source.reason, source.message, facts.wall + source.after),)


def _condition(kind: str, truth: bool | None, reason: str, message: str) -> Condition:
    status: Truth = "Unknown" if truth is None else "True" if truth else "False"
    return Condition(kind, status, reason, message)


def _ready(facts: TurnFacts, outcome: Outcome) -> Condition:
    match outcome:
        case Done():
            return _condition("Ready", True, "Synced", _serving(facts))
        case Waiting(_, why) | Failed(why) | Stalled(why, _):
            return _condition("Ready", False, type(outcome).__name__, why)


def _serving(facts: TurnFacts) -> str:
    commit = f"serving commit {(facts.accepted or '')[:12]}"
    if not facts.waits:
        return f"{commit} completely"
    more = f" (and {len(facts.waits) - 1} more)" if len(facts.waits) > 1 else ""
    return f"{commit} as far as its time has come here: {facts.waits[0].told}{more}"


def _reconciling(outcome: Outcome) -> Condition:
    if isinstance(outcome, Waiting | Failed):
        return _condition("Reconciling", True, type(outcome).__name__, outcome.why)
    return _condition("Reconciling", False, "Settled", "nothing is under way")


def _stalled(outcome: Outcome) -> Condition:
    if isinstance(outcome, Stalled):
        remedy = f" — {outcome.remedy}" if outcome.remedy else ""
        return _condition("Stalled", True, "NeedsAPerson", outcome.why + remedy)
    return _condition("Stalled", False, "Moving", "nothing waits for a person")


def _source_verified(facts: TurnFacts) -> Condition:
    if facts.source_trouble:
        known = facts.source_trouble.for_people or facts.source_trouble.after is not None
        truth = False if known else None
        return _condition("SourceVerified", truth, facts.source_trouble.reason, facts.source_trouble.message)
    if facts.accepted is None:
        return _condition("SourceVerified", None, "NothingYet", "no commit was looked at yet")
    passed = f"commit {facts.accepted[:12]} passed the checker here"
    if facts.how:
        return _condition("SourceVerified", True, "Verified", f"{passed}; {facts.how}")
    return _condition("SourceVerified", True, "Accepted", passed)


def _fetched(facts: TurnFacts) -> Condition:
    return _about_targets(facts, "Fetched", "artifacts", facts.placed)


def _loaded(facts: TurnFacts) -> Condition:
    found = _about_targets(facts, "Loaded", "adapters", _deferred(facts) | _loaded_names(facts))
    if waiting := _deferred(facts) - _loaded_names(facts):
        found = replace(found, message=f"{found.message}, {len(waiting)} of them at their first request")
    if not (facts.unseen and facts.observed):
        return found
    unseen = " and the ".join(facts.unseen)
    return replace(found, message=f"{found.message}; the {unseen} were not proven on the running engine, only in files")


def _loaded_names(facts: TurnFacts) -> set[str]:
    return set(facts.observed.adapters) if facts.observed else set()


def _about_targets(facts: TurnFacts, kind: str, what: str, present: frozenset[str]) -> Condition:
    if facts.desired is None:
        return _condition(kind, None, "NothingYet", "no commit was accepted yet")
    if facts.observed is None:
        return _condition(kind, None, "NotObserved", "the engine did not answer")
    missing = [served for served in facts.desired.targets if served not in present]
    if missing:
        return _condition(kind, False, "Missing", f"{what} missing: {', '.join(missing)}")
    return _condition(kind, True, "Complete", f"all {len(facts.desired.targets)} {what} are in place")


def _deferred(facts: TurnFacts) -> frozenset[str]:
    """Lazy revisions that are loaded when somebody asks, and that nobody misses before."""
    return facts.plan.deferred if facts.plan else frozenset()


def _served(facts: TurnFacts) -> Condition:
    if facts.routing_trouble:
        return _condition("Served", False, facts.routing_trouble.reason, facts.routing_trouble.message)
    if facts.desired is None:
        return _condition("Served", None, "NothingYet", "no commit was accepted yet")
    if facts.observed is None:
        return _condition("Served", None, "NotObserved", "the engine did not answer")
    table = facts.observed.table
    behind = [a.name for a in facts.desired.aliases if not _follows(a, table.routes.get(a.name) if table else None)]
    if behind:
        return _condition("Served", False, "Behind", f"not as git says: {', '.join(behind)}")
    return _condition("Served", True, "AsGitSays", f"all {len(facts.desired.aliases)} aliases answer as git says")


def _follows(alias: DesiredAlias, route: Route | None) -> bool:
    if route is None or route.active != alias.active.served:
        return False
    wanted = alias.canary.target.served if alias.canary else None
    return wanted == (route.canary.target if route.canary else None)


def _rollback_ready(facts: TurnFacts, aliases: tuple[AliasStatus, ...]) -> Condition:
    if facts.desired is None:
        return _condition("RollbackReady", None, "NothingYet", "no commit was accepted yet")
    if facts.observed is None:
        return _condition("RollbackReady", None, "NotObserved", "the engine did not answer")
    loaded = _loaded_names(facts) | _deferred(facts)
    lacking = [row.alias for row in aliases if not loaded.issuperset(row.rollback_targets)]
    if lacking:
        return _condition("RollbackReady", False, "NotLoaded", f"earlier revisions missing for: {', '.join(lacking)}")
    return _condition("RollbackReady", True, "Kept", "every earlier revision that git asks to keep is loaded")


def _trust(facts: TurnFacts) -> Condition:
    """Whether people must stand behind what is served here. False is a warning: somebody decided otherwise."""
    if facts.demands is None:
        return _condition("Trust", None, "NothingYet", "no commit was accepted yet")
    if facts.demands.opted_out:
        message = (
            f"{facts.environment} is protected, and the settings of this node demand less than that:"
            f" {facts.demands.told}; whoever can push decides what is served"
        )
        return _condition("Trust", False, "Unverified", message)
    reason = "Demanded" if facts.demands.any else "NotProtected"
    return _condition("Trust", True, reason, facts.demands.told)


def _emergency(facts: TurnFacts) -> Condition:
    """Whether something is served because of an emergency that nobody else has looked at."""
    if not facts.emergencies:
        return _condition("Emergency", False, "None", "no emergency waits for a review")
    first = facts.emergencies[-1]
    due = first.review_due
    overdue = due is not None and facts.wall > due.timestamp()
    message = (
        f"{first.by} let commit {first.commit[:12]} in without approvals: {readable(first.reason)};"
        f" somebody else must review it{f' by {due:%Y-%m-%d %H:%M} UTC' if due else ''}, and no promotion is followed"
        f" before — run: interlock emergency review {first.commit[:12]} --push origin"
    )
    return _condition("Emergency", True, "Overdue" if overdue else "NotReviewed", message)


def _suspended(facts: TurnFacts) -> Condition:
    """Whether an operator keeps this node where it is."""
    order = facts.suspended
    if order is None:
        return _condition("Suspended", False, "Following", "this node follows git")
    end = f" until {dt.datetime.fromtimestamp(order.until, dt.UTC):%Y-%m-%d %H:%M} UTC" if order.until else ""
    what = "nothing is changed on this node" if order.hands_off else "no new commit is followed"
    message = (
        f"{what}{end}, asked by {readable(order.by)}: {readable(order.reason)} — run: interlock resume --node FILE"
    )
    return _condition("Suspended", True, "HandsOff" if order.hands_off else "StaysHere", message)


def _fresh(facts: TurnFacts) -> Condition:
    """Whether the remote answered lately: an alarm of its own, because a node cut off serves on and looks well."""
    within = _span(facts.fresh_within)
    if facts.suspended:
        return _condition("Fresh", None, "Suspended", "the remote is not asked while this node is suspended")
    if facts.silence <= facts.fresh_within:
        if facts.last_poll is None:
            return _condition("Fresh", None, "NothingYet", "the remote was not reached yet")
        return _condition("Fresh", True, "Polled", f"the remote answered within the last {within}")
    if facts.last_poll is None:
        message = f"the remote has not answered since the agent began, more than {within} ago"
        return _condition("Fresh", False, "NeverPolled", message)
    moment = dt.datetime.fromtimestamp(facts.last_poll, dt.UTC)
    message = f"the remote answered last at {moment:%Y-%m-%d %H:%M:%S} UTC, more than {within} ago"
    return _condition("Fresh", False, "TooLongAgo", f"{message}; what was accepted then keeps serving")


def _available(facts: TurnFacts) -> Condition:
    """Whether requests are answered, by the newest commit or by an earlier one. A load balancer may go by this."""
    if facts.observed is None:
        why = "the engine did not answer" if facts.desired else "no commit was accepted yet"
        return _condition("Available", None, "NotObserved" if facts.desired else "NothingYet", why)
    if facts.routing_trouble:
        return _condition("Available", False, facts.routing_trouble.reason, facts.routing_trouble.message)
    table = facts.observed.table
    if table is None:
        return _condition("Available", False, "NoRoutes", "there is no route table yet")
    nothing = sorted(routed_names(table) - set(facts.observed.adapters) - table.lazy)
    if nothing:
        return _condition("Available", False, "NotLoaded", f"routed and not loaded: {', '.join(nothing)}")
    return _condition("Available", True, "Answers", "every route leads to a revision that is loaded")


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _rows(facts: TurnFacts) -> tuple[AliasStatus, ...]:
    if facts.desired is None:
        return ()
    told = (*facts.plan.turned_away, *facts.plan.held) if facts.plan else ()
    held = {one.served: one for one in told}
    waits = {one.alias: one for one in facts.waits}
    followed = {alias.name for alias in facts.desired.aliases}
    new = (AliasStatus(one.alias, "", "", "", (), one.told) for one in facts.waits if one.alias not in followed)
    rows = (_row(alias, facts.observed, held, waits.get(alias.name)) for alias in facts.desired.aliases)
    return (*rows, *new)


def _row(alias: DesiredAlias, observed: Observed | None, held: dict[str, Held], waits: Waits | None) -> AliasStatus:
    route = observed.table.routes.get(alias.name) if observed and observed.table else None
    one = next((held[target.served] for target in alias.targets if target.served in held), None)
    return AliasStatus(
        alias=alias.name,
        wanted=alias.active.served,
        served=route.active if route else "",
        canary=route.canary.target if route and route.canary else "",
        rollback_targets=tuple(target.served for target in alias.kept),
        message=f"{one.served}: {one.why}" if one else waits.told if waits else "",
        behind=observed is not None and not _follows(alias, route),
    )
