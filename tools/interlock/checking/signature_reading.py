"""Looks at the signatures over the files of revisions: what they state, and which key of the roster made them.

Called by `gather`. Whether that key may sign, and may still do so, is judged by rules. Raises nothing for bad content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from interlock.artifacts.sources import ArtifactFiles, open_source
from interlock.checking.fact_cache import Elsewhere, FactCache
from interlock.checking.places import directory_in_tree, files_beyond
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.kinds.roster import Machine, Person, Roster, dated
from interlock.documents.public_keys import MalformedKey, PublicKey, public_key
from interlock.documents.tree import Tree
from interlock.errors import ArtifactMissing, ArtifactUnreachable, DocumentError, EvidenceError, HistoryError
from interlock.evidence.weights_signature import (
    MAX_BYTES,
    WeightsSignature,
    disagreement,
    maker_of,
    read_weights_signature,
)
from interlock.rules.facts import Facts, SignatureFacts

NOT_INSTALLED = "the package cryptography is not installed"


def with_signatures(tree: Tree, facts: Facts, cache: FactCache) -> Facts:
    """The facts of a tree with what is known of the signatures that its revisions name."""
    signed = {
        key: found.document.artifact for key, found in facts.revisions.items() if found.document.artifact.signature
    }
    if not signed:
        return facts
    roster = facts.snapshot.roster
    keys = tuple(_keys(roster.document)) if roster else ()
    return replace(facts, signatures={key: _facts(tree, artifact, keys, cache) for key, artifact in signed.items()})


def _facts(tree: Tree, artifact: Artifact, keys: tuple[PublicKey, ...], cache: FactCache) -> SignatureFacts:
    try:
        signature = _signature(tree, artifact, cache)
    except (ArtifactUnreachable, HistoryError) as error:
        return SignatureFacts(unread=error.found)
    except (ArtifactMissing, DocumentError, EvidenceError) as error:
        return SignatureFacts(flaw=error.found)
    if flaw := disagreement(signature, artifact.files):
        return SignatureFacts(flaw=flaw)
    try:
        maker = maker_of(signature, keys)
    except ImportError:
        return SignatureFacts(unread=NOT_INSTALLED)
    return SignatureFacts(maker.fingerprint, maker.flaw, maker.stranger, days=maker.days)


def _signature(tree: Tree, artifact: Artifact, cache: FactCache) -> WeightsSignature:
    assert artifact.signature
    directory = directory_in_tree(artifact.uri)
    entry = tree.entries().get(f"{directory}/{artifact.signature.path}") if directory else None
    known = cache.signatures.recall(entry.identity) if entry else None
    if known is None:
        known = read_weights_signature(_bytes(tree, artifact, artifact.signature.path, cache.elsewhere))
        if entry:
            cache.signatures.keep(entry.identity, known)
    return known


def _bytes(tree: Tree, artifact: Artifact, name: str, elsewhere: Elsewhere | None) -> bytes:
    if directory := directory_in_tree(artifact.uri):
        return tree.read(f"{directory}/{name}", limit=MAX_BYTES)
    if artifact.uri.startswith("file:"):
        try:
            return _beginning(open_source(artifact, tree), name)
        except (ArtifactMissing, ArtifactUnreachable):
            if elsewhere is None:
                raise  # otherwise an archive may have it
    try:
        return _beginning(files_beyond(artifact, elsewhere), name)
    except ArtifactMissing as error:
        raise ArtifactUnreachable(error.found) from error  # it may be uploaded yet


def _beginning(files: ArtifactFiles, name: str) -> bytes:
    try:
        with files.open(name) as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ArtifactUnreachable(f"{name} cannot be read to its end: {error.strerror}") from error


def _keys(roster: Roster) -> Iterator[PublicKey]:
    """Every key that the roster has or had for somebody: whether it counts still is asked elsewhere."""
    for key in chain.from_iterable(holder.keys for holder in chain[Person | Machine](roster.people, roster.machines)):
        try:
            yield public_key(dated(key).key)
        except MalformedKey:
            continue
