"""The content-addressed store of a node: a directory for each artifact, named by its digest, complete or not there.

    ROOT/sha256/<digest>/        a placed artifact: read-only, verified, what an engine is shown
    ROOT/partial/<digest>/       being brought; locked by the process that brings it, continued after an interruption
    ROOT/corrupt/<unique>/       moved aside by `replace_corrupt`
    ROOT/trash/<unique>/         given up, and being deleted
    ROOT/users/<node>            an agent that uses the store; with more than one nothing is collected

Called by the agent only. `placing` brings artifacts and verifies them, `holdings` says what lies there and removes it.
"""

from interlock.artifacts.store.holdings import Holding, Holdings
from interlock.artifacts.store.placing import ArtifactStore
from interlock.artifacts.store.users import StoreUsers

__all__ = ["ArtifactStore", "Holding", "Holdings", "StoreUsers"]
