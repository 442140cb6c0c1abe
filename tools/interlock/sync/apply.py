"""Doing one step of a plan. What goes wrong with one revision is remembered against that revision; others proceed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from interlock.artifacts.durable import write_atomically
from interlock.artifacts.file_memory import FileMemory
from interlock.artifacts.sources import SourceAccess, open_source
from interlock.artifacts.store import ArtifactStore
from interlock.engines.driver import UNTOLD, EngineDriver
from interlock.errors import (
    ArtifactArriving,
    ArtifactCorrupt,
    ArtifactError,
    EngineMisbehaved,
    EngineRefused,
    EngineUnreachable,
    HistoryError,
)
from interlock.history.repository import GitRepository
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from interlock.sync.base_answers import BaseAnswers
from interlock.sync.desired import Desired, Target
from interlock.sync.memory import Memory, refusal_after
from interlock.sync.moments import Moments, unwatched
from interlock.sync.patience import Patience
from interlock.sync.plan import Flip, Load, Place, Prove, ProveBase, StartWith, Step, Unload
from interlock.sync.proof import BaseMismatch, not_shown, prove_base_answers, prove_base_files, require_base_files
from interlock.sync.storekeeper import StoreKeeper

log = logging.getLogger("interlock.sync")


class Ledger(Protocol):
    """Writes down what a node serves."""

    def flipped(self, table: RouteTable, desired: Desired) -> None:
        """The route table was replaced by `table`. Must not raise: nothing that is served waits for a record of it."""


@dataclass(frozen=True)
class Tools:
    """What steps are done with."""

    driver: EngineDriver
    store: ArtifactStore
    repository: GitRepository
    routes: Path
    start_list: Path
    base_directory: Path | None
    file_memory: FileMemory
    base_answers: BaseAnswers
    clock: Callable[[], float]
    keeper: StoreKeeper
    patience: Patience
    moments: Moments = unwatched
    access: SourceAccess | None = None
    ledger: Ledger | None = None


def apply_step(step: Step, desired: Desired, tools: Tools, memory: Memory) -> None:
    """Carry out one step.

    Raises:
        EngineUnreachable: the engine is down; the turn ends here.
    """
    match step:
        case Flip(table):
            _flip(table, desired, tools)
        case ProveBase():
            _prove_base(desired, tools, memory)
        case Unload(name, why):
            tools.moments("unload:before")
            tools.driver.unload(name)
            memory.unloaded(name)
            log.info("unloaded %s: %s", name, why)
            tools.moments("unload:after")
        case StartWith(adapters):
            _write_start_list(adapters, tools, memory)
        case Place(target) | Load(target) | Prove(target):
            _for_one(step, target, desired, tools, memory)


def _write_start_list(adapters: Mapping[str, str], tools: Tools, memory: Memory) -> None:
    """For an engine that takes adapters only at its start: a file that its service reads, and words for a person."""
    tools.moments("start-list:before")
    try:
        line = tools.driver.start_with(adapters)
    except EngineRefused as error:
        memory.written_down(adapters, "")
        for name in adapters:
            memory.refuse(name, error, tools.clock())
        log.error("no list of adapters to start the engine with: %s", error)
        return
    tools.keeper.showing.show(adapters.values(), lambda: write_atomically(tools.start_list, f"{line}\n".encode()))
    memory.written_down(adapters, f"{line} (written to {tools.start_list})")
    log.info("the engine must be started with %s", line)
    tools.moments("start-list:after")


def _flip(table: RouteTable, desired: Desired, tools: Tools) -> None:
    tools.moments("flip:before")
    write_table(tools.routes, table)
    tools.moments("flip:after")
    log.info("routes: %s", ", ".join(f"{a} → {r.active}" for a, r in sorted(table.routes.items())) or "none")
    if tools.ledger:
        tools.ledger.flipped(table, desired)


def _for_one(step: Place | Load | Prove, target: Target, desired: Desired, tools: Tools, memory: Memory) -> None:
    kind = type(step).__name__.lower()
    tools.moments(f"{kind}:before")
    try:
        match step:
            case Place():
                memory.directories[target.served] = str(_place(target, desired, tools))
            case Load(_, directory):
                _load(target, directory, tools)
            case Prove():
                _prove(target, tools, memory)
                memory.proven.add(target.served)
                memory.refusals.pop(target.served, None)
    except EngineUnreachable as error:
        if isinstance(step, Load):
            memory.refuse(target.served, error, tools.clock())
        raise
    except (ArtifactError, HistoryError, EngineRefused, EngineMisbehaved) as error:
        if isinstance(error, ArtifactError):
            # Bytes that were fine once are read again before the next attempt.
            memory.directories.pop(target.served, None)
        memory.refuse(target.served, error, tools.clock())
        if isinstance(error, ArtifactArriving):
            log.info("%s is on its way: %s", target.served, error.found)
        else:
            log.error("%s is not served: %s", target.served, error)
    tools.moments(f"{kind}:after")


def _place(target: Target, desired: Desired, tools: Tools) -> Path:
    with tools.repository.commit_tree(desired.commit) as tree:
        source = open_source(target.artifact, tree, access=tools.access)
        # Corrupt bytes are replaced only where no adapter of the engine is listed from that directory, or under that
        # name by an engine that does not tell directories.
        adapters = tools.driver.adapters()
        where = str(tools.store.path_of(target.artifact))
        in_use = adapters.get(target.served) == UNTOLD or where in adapters.values()
        put = tools.store.place if in_use else tools.store.replace_corrupt
        if tools.patience.is_over() and tools.store.lacks(target.artifact):
            raise ArtifactArriving(f"{target.served} is brought after what is on its way")
        tools.keeper.make_room(target.artifact)
        placed = put(target.artifact, source, stop=tools.patience.is_over)
    log.info("verified the bytes of %s in %s", target.served, placed)
    return placed


def _load(target: Target, directory: str, tools: Tools) -> None:
    tools.store.verify(target.artifact)
    tools.keeper.showing.show([directory], lambda: tools.driver.load(target.served, directory))
    listed = tools.driver.adapters().get(target.served)
    if listed not in (directory, UNTOLD):
        raise EngineMisbehaved(
            f"the engine says that it loaded {target.served}, and lists it as {listed or 'absent'}",
            expected=f"{target.served} from {directory}",
            remedy="look at the engine's log",
        )
    log.info("loaded %s", target.served)


def _prove(target: Target, tools: Tools, memory: Memory) -> None:
    if tools.base_answers.differ_from(tools.driver, target.served):
        log.info("proved %s: its answers differ from the base's", target.served)
        return
    if not tools.driver.capabilities.boot_only:
        tools.driver.unload(target.served)
        memory.unloaded(target.served)
    raise ArtifactCorrupt(
        f"{target.served} is loaded and every probe is answered exactly as by the base",
        expected="at least one answer that differs from the base's",
        remedy="run: interlock check --deep (an all-zero or foreign adapter has no effect)",
    )


def _prove_base(desired: Desired, tools: Tools, memory: Memory) -> None:
    try:
        require_base_files(tools.driver, tools.base_directory)
        if tools.base_directory:
            prove_base_files(tools.base_directory, desired.base, tools.file_memory)
            tools.file_memory.save()
        prove_base_answers(tools.driver, desired.base)
        tools.base_answers.settle(tools.driver, desired.base)
    except (BaseMismatch, ArtifactError, EngineRefused) as error:
        memory.base_refusal = refusal_after(memory.base_refusal, error, tools.clock())
        log.error("the engine's base is not proven: %s", error)
        return
    memory.base_proven, memory.base_refusal = True, None
    unseen = " and ".join(not_shown(tools.driver.capabilities))
    how = f"by its files, for the engine does not show its {unseen}" if unseen else "tokenizer and chat template"
    log.info("proved base %s@%s: %s", desired.base.name, desired.base.revision, how)
