"""Carries out the steps of one plan in their order, and begins early with what several of them read or bring.

Called by the agent. Flips come first: a rollback waits for nothing. What is begun early is asked for by the step that
it belongs to, which also says what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from interlock.artifacts.sources import open_source
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactError, HistoryError
from interlock.sync.apply import Tools, apply_step
from interlock.sync.desired import Desired
from interlock.sync.memory import Memory
from interlock.sync.plan import Flip, Load, Place, Prove, Step


def apply_steps(steps: Iterable[Step], desired: Desired, tools: Tools, memory: Memory) -> None:
    """Carry out the steps, loads and proofs after the first step only while there is patience.

    Raises:
        EngineUnreachable: the engine is down; the turn ends here.
    """
    others: list[Step] = []
    for step in steps:
        if isinstance(step, Flip):
            apply_step(step, desired, tools, memory)
        else:
            others.append(step)
    with ExitStack() as stack:
        loads = [step.target.artifact for step in others if isinstance(step, Load)]
        stack.enter_context(tools.store.verifying_ahead(loads))
        _bring_ahead([step.target.artifact for step in others if isinstance(step, Place)], desired, tools, stack)
        for number, step in enumerate(others):
            if number and isinstance(step, Load | Prove) and tools.patience.is_over():
                continue
            apply_step(step, desired, tools, memory)


def _bring_ahead(artifacts: Iterable[Artifact], desired: Desired, tools: Tools, stack: ExitStack) -> None:
    """Begin to bring artifacts, if there is room for all of them; where anything is in the way, their steps say so."""
    lacking = [artifact for artifact in artifacts if not tools.store.has(artifact)]
    if len(lacking) < 2 or tools.patience.is_over():
        return
    try:
        tree = stack.enter_context(tools.repository.commit_tree(desired.commit))
        sources = {artifact.digest: open_source(artifact, tree, access=tools.access) for artifact in lacking}
        tools.keeper.make_room(*lacking)
    except (ArtifactError, HistoryError):
        return
    stack.enter_context(tools.store.bringing_ahead(sources, lacking, tools.patience.is_over))
