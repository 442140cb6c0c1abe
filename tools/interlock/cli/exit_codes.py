"""What the exit status of every command means; CI scripts and the agent's wrappers rely on these numbers."""

from __future__ import annotations

from interlock.errors import (
    ArtifactUnreachable,
    EngineUnreachable,
    ForgeError,
    InterlockError,
    NodeError,
    RemoteUnreachable,
    UsageError,
)

CLEAN = 0
FINDINGS = 1
WRONG_USE = 2
NOTHING_CHECKED = 3
COULD_NOT_EVALUATE = 4
OUR_BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141

MEANING = {
    CLEAN: "clean, or done",
    FINDINGS: "blocking findings, or the operation was refused or failed",
    WRONG_USE: "the command was called in a way that cannot work",
    NOTHING_CHECKED: "nothing was checked, because nothing was there",
    COULD_NOT_EVALUATE: "could not evaluate: something needed did not answer or could not be read",
    OUR_BUG: "a bug in Interlock",
}
"""Exit status → what it means, as the command reference prints it."""


def of_error(error: InterlockError) -> int:
    """The exit status for an operation that ended with `error`."""
    if isinstance(error, UsageError):
        return WRONG_USE
    if isinstance(error, (ArtifactUnreachable, RemoteUnreachable, EngineUnreachable, ForgeError, NodeError)):
        return COULD_NOT_EVALUATE
    return FINDINGS
