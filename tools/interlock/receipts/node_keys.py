"""Whose key a receipt is signed with: the node's own, by the roster or by what the auditor names. Pure.

In the roster a node is a machine with the role `node` and the name of the node. Its key counts for its own receipts,
not for those of another node, and for nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from interlock.approvals.keys import KeyRing
from interlock.approvals.sshsig import verify
from interlock.documents.kinds.roster import Roster
from interlock.errors import SignatureInvalid
from interlock.receipts.receipt import NAMESPACE, Line


class Signing(Enum):
    """What the signature of a receipt is worth by itself."""

    GOOD = "signed"
    NONE = "unsigned"
    NOT_KNOWN = "signed with a key that does not count"
    WRONG = "not signed by its key"


@dataclass(frozen=True, slots=True)
class SignatureSeen:
    """The signature of one receipt; `why` says what is wrong with it, "" where nothing is."""

    signing: Signing
    fingerprint: str = ""
    why: str = ""


@dataclass(frozen=True)
class NodeKeys:
    """The keys of nodes: those of a roster, and fingerprints by node that the auditor vouches for."""

    ring: KeyRing
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, roster: Roster | None, today: dt.date, given: Iterable[tuple[str, str]] = ()) -> NodeKeys:
        """The keys of a roster on a day, and pairs of node and fingerprint."""
        named: dict[str, frozenset[str]] = {}
        for node, fingerprint in given:
            named[node] = named.get(node, frozenset()) | {fingerprint}
        return cls(KeyRing.of_nodes(roster, today), named)

    def why_not(self, node: str, fingerprint: str) -> str:
        """Why a key says nothing about a node, as a sentence; "" where it is the node's."""
        if fingerprint in self.given.get(node, ()):
            return ""
        if fingerprint not in self.ring.held:
            return f"neither the roster nor --node-key gives the key {fingerprint} to a node"
        if why := self.ring.why_not(fingerprint):
            return why
        holder = self.ring.holder(fingerprint)
        name = holder.name if holder else ""
        return "" if name == node else f"the key {fingerprint} is that of the node {name}"

    def seen(self, line: Line) -> SignatureSeen:
        """What the signature of a receipt is worth."""
        if not line.signature:
            return SignatureSeen(Signing.NONE, why="it is not signed")
        try:
            signer = verify(line.receipt.to_bytes(), line.signature, NAMESPACE)
        except SignatureInvalid as error:
            return SignatureSeen(Signing.WRONG, why=f"its signature is wrong: {error.found}")
        why = self.why_not(line.receipt.node, signer.fingerprint)
        return SignatureSeen(Signing.NOT_KNOWN if why else Signing.GOOD, signer.fingerprint, why)
