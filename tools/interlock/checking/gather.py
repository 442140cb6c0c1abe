"""Gathers the facts that the rules judge: everything about bytes, read once, remembered by their identity.

Called by `checker` and by register. Bad content is a fact and never an exception.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from interlock.artifacts.digests import digest_of, file_digest
from interlock.checking.artifact_reading import read_artifact
from interlock.checking.fact_cache import FactCache, Remembered
from interlock.checking.own_rules import with_own_rules
from interlock.checking.places import Place, directory_in_tree, entries_below, find_place
from interlock.checking.signature_reading import with_signatures
from interlock.documents.identifiers import Digest, RevisionId
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.snapshot import Snapshot
from interlock.documents.tree import REGULAR, Entry, Tree
from interlock.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMissing,
    ArtifactUnreachable,
    DocumentError,
    HistoryError,
)
from interlock.rules.code_owners_file import ALL_LOCATIONS as CODE_OWNERS_LOCATIONS
from interlock.rules.code_owners_file import MAX_BYTES as CODE_OWNERS_BYTES
from interlock.rules.facts import ArtifactFacts, Facts

WORKERS = min(8, (os.cpu_count() or 1) + 2)
SMALL_FILE = 1 << 20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def gather(
    tree: Tree,
    snapshot: Snapshot,
    *,
    environment: str | None = None,
    deep: bool = False,
    only: Collection[RevisionId] | None = None,
    only_pointers: Collection[tuple[str, str]] | None = None,
    cache: FactCache | None = None,
) -> Facts:
    """Look at the bytes that the documents of `snapshot` name.

    `environment`, `only` and `only_pointers` narrow what is looked at and judged; `deep` reads the values of the
    weights too.
    """
    scope = Facts(
        snapshot,
        environment=environment,
        only=None if only is None else frozenset(only),
        only_pointers=None if only_pointers is None else frozenset(only_pointers),
    )
    cache = cache or FactCache()
    artifacts = {key: located.document.artifact for key, located in scope.revisions.items()}
    bases = _base_artifacts(scope)
    directories = {directory_in_tree(artifact.uri) for artifact in (*artifacts.values(), *bases.values())} - {""}
    reading = _Reading(tree, entries_below(directories, snapshot.entries), cache)
    facts = replace(
        scope,
        artifacts=reading.all_facts(artifacts, deep=deep),
        bases=reading.all_facts(bases, deep=False),
        digests=_recipe_digests(tree, scope, cache),
        code_owners=_code_owners(tree, snapshot),
    )
    return with_own_rules(tree, with_signatures(tree, facts, cache))


def _base_artifacts(scope: Facts) -> Mapping[tuple[str, str], Artifact]:
    """The bases whose files stand in the repository itself; the others are compared on the nodes that serve them."""
    found = {}
    for key, located in scope.known_bases.items():
        base = located.document
        if base.files and base.source.uri and directory_in_tree(base.source.uri):
            found[key] = Artifact(uri=base.source.uri, digest=base.digest, files=base.files)
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """One tree that is being looked at; `below` holds the entries of each artifact's directory."""

    tree: Tree
    below: Mapping[str, Mapping[str, Entry]]
    cache: FactCache

    def all_facts(self, artifacts: Mapping[K, Artifact], *, deep: bool) -> dict[K, ArtifactFacts]:
        """The facts of each artifact; what is not remembered is read by several threads."""
        found: dict[K, ArtifactFacts] = {}
        places: dict[K, Place] = {}
        far = [key for key, artifact in artifacts.items() if not artifact.uri.startswith("file:")]
        beyond = dict(zip(far, _in_parallel(lambda key: self._place(artifacts[key]), far), strict=True))
        for key, artifact in artifacts.items():
            place = beyond[key] if key in beyond else self._place(artifact)
            if isinstance(place, ArtifactFacts):
                found[key] = place
            else:
                places[key] = place
        read = _remembered(
            {key: (artifacts[key].files, place.identity, deep) for key, place in places.items()},
            self.cache.artifacts,
            lambda key: read_artifact(places[key], artifacts[key].files, deep=deep),
            lambda facts: not facts.unreachable and not facts.missing,
        )
        return {key: found[key] if key in found else read[key] for key in artifacts}  # in the order of the manifests

    def _place(self, artifact: Artifact) -> Place | ArtifactFacts:
        try:
            below = self.below.get(directory_in_tree(artifact.uri), {})
            return find_place(artifact, self.tree, below, self.cache.elsewhere)
        except ArtifactMissing as error:
            return ArtifactFacts(missing=error.found)
        except (ArtifactUnreachable, ArtifactCorrupt) as error:
            return ArtifactFacts(unreachable=error.found)


def _recipe_digests(tree: Tree, scope: Facts, cache: FactCache) -> Mapping[str, Digest]:
    """The digests of the recipes that manifests name; one that cannot be read is left out, which is a finding."""
    recipes = (located.document.provenance.recipe for located in scope.revisions.values())
    entries = (scope.snapshot.entries.get(recipe.path) for recipe in recipes if recipe)
    wanted = {entry.path: entry for entry in entries if entry and entry.kind == REGULAR}
    return _remembered(
        {path: entry.identity for path, entry in wanted.items()},
        cache.digests,
        lambda path: _digest(tree, path),
        lambda digest: True,
    )


def _code_owners(tree: Tree, snapshot: Snapshot) -> Mapping[str, str]:
    """The files CODEOWNERS; one that cannot be read as text was not generated by us, and is left out."""
    found = {}
    for path in CODE_OWNERS_LOCATIONS:
        entry = snapshot.entries.get(path)
        if entry and entry.kind == REGULAR:
            with contextlib.suppress(DocumentError, ArtifactError, HistoryError, UnicodeDecodeError):
                found[path] = tree.read(path, limit=CODE_OWNERS_BYTES).decode()
    return found


def _digest(tree: Tree, path: str) -> Digest | None:
    try:
        return digest_of([tree.read(path, limit=SMALL_FILE)])
    except DocumentError:
        pass  # larger than what is read at once
    except (ArtifactError, HistoryError):
        return None
    try:
        with tree.open(path) as stream:
            return file_digest(stream)
    except (ArtifactError, HistoryError):
        return None


def _remembered(
    identities: Mapping[K, Hashable],
    memory: Remembered[V],
    find_out: Callable[[K], V | None],
    settled: Callable[[V], bool],
) -> dict[K, V]:
    """The values that are known: from memory by identity, or found out now. Only settled ones are kept for later."""
    known = {key: value for key, identity in identities.items() if (value := memory.recall(identity)) is not None}
    unknown = [key for key in identities if key not in known]
    firsts = list({identities[key]: key for key in reversed(unknown)}.values())  # the same bytes are read once
    values = dict(zip((identities[key] for key in firsts), _in_parallel(find_out, firsts), strict=True))
    for identity, value in values.items():
        if value is not None and settled(value):
            memory.keep(identity, value)
    return known | {key: value for key in unknown if (value := values[identities[key]]) is not None}


def _in_parallel(find_out: Callable[[K], V], keys: list[K]) -> list[V]:
    if len(keys) < 2:
        return [find_out(key) for key in keys]
    from concurrent.futures import ThreadPoolExecutor  # a hook that looks at one revision need not wait for it

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return list(pool.map(find_out, keys))
