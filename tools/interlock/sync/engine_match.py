"""Whether the engine that answers is the one by which the checker judged what it is to serve. Pure; the agent asks.

The checker judges by the oldest version that `engine.version` of the environment allows, so its verdict holds for every
version in that range and for no other.
"""

from __future__ import annotations

from interlock.documents.kinds.environment import EngineLimits
from interlock.engines.driver import EngineIdentity
from interlock.rules.version_ranges import UnreadableRange, allows


def why_other_engine(limits: EngineLimits, identity: EngineIdentity) -> str:
    """What is different, in a sentence that names both; "" where nothing is."""
    wanted = f"the environment is judged for {limits.kind} {limits.version}"
    if identity.kind != limits.kind:
        return f"the engine here is {identity.kind} {identity.version}, and {wanted}"
    try:
        fits = limits.version == ">=0" or allows(limits.version, identity.version)
    except UnreadableRange:
        return f"the engine here calls its version {identity.version!r}, which cannot be compared, and {wanted}"
    return "" if fits else f"the engine here is {identity.kind} {identity.version}, and {wanted}"
