"""The healthy repository with some files changed: on disk for one case, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from os import utime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.mutation import flow, mutated, texts
from fuzz.report_formats import assert_paged, assert_reported
from fuzz.valid import healthy, healthy_files
from interlock.checking.checker import CheckCaches, CheckResult, check_tree, exit_code
from interlock.cli.excerpts import sources_of
from interlock.documents.layout import Standing, classify
from interlock.documents.path_problems import shown_path
from interlock.documents.tree import Tree, WorkingTree
from interlock.documents.yaml_reader import read_yaml
from interlock.findings.finding import Finding, Verdict
from interlock.findings.judgement import Judgement
from interlock.rules.catalogue import catalogue
from support.repositories import artifact

Edits = Mapping[str, bytes | None]
"""New content by path; None takes the file away."""

STATUS_OF = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 4}
_ADAPTERS = (("support-bot", "1"), ("support-bot", "3"), ("sql-helper", "1"))
_moments = count(1_800_000_000_000_000_000, 1_000_000)
_NEW_PATHS = (
    "adapters/new/adapter.yaml", "adapters/support-bot/revisions/4.yaml", "adapters/support-bot/revisions/01.yaml",
    "adapters/SUPPORT-BOT/adapter.yaml",
    "environments/new/environment.yaml", "environments/dev/pointers/new.yaml",
    "environments/dev/pointers/SQL-helper.yaml", "policies/new.yaml",
    "policies/waivers.yaml", "policies/rules/new.yaml", "policies/production.yml", "bases/tiny-llama/2026-12.yaml",
    "bases/a b/1.yaml", "adapters/x.yaml",
    "artifacts/support-bot/1/extra.bin", "artifacts/support-bot/1/pytorch_model.bin",
    "artifacts/support-bot/1/sub/x", "policies/\u202egpj.yaml", "README",
)  # fmt: skip
_documents = [path for path in healthy_files() if classify(path).standing is Standing.DOCUMENT]


@st.composite
def edits(draw: st.DrawFn) -> Edits:
    """One to three files changed in their values or damaged, taken away, moved onto each other, or added."""
    made: dict[str, bytes | None] = {}
    for _ in range(draw(st.integers(1, 3))):
        made |= draw(st.sampled_from((_values, _values, _values, _damage, _weights, _other_file, _new_file)))(draw)
    return made


def _values(draw: st.DrawFn) -> Edits:
    path = draw(st.sampled_from(_documents))
    document = st.just(read_yaml(healthy_files()[path], path).value)
    return {path: draw(texts(mutated(document))).encode("utf-8", errors="surrogatepass")}


def _damage(draw: st.DrawFn) -> Edits:
    path = draw(st.sampled_from(list(healthy_files())))
    return {path: draw(damaged(st.just(healthy_files()[path])))}


def _weights(draw: st.DrawFn) -> Edits:
    """Changed bytes of an adapter, to which its manifest agrees."""
    adapter, revision = draw(st.sampled_from(_ADAPTERS))
    weights, settings = (
        f"{artifact(adapter, revision)}/{name}" for name in ("adapter_model.safetensors", "adapter_config.json")
    )
    if draw(st.booleans()):
        return {weights: draw(damaged(st.just(healthy_files()[weights])))} | {f"{RESEAL}{adapter}@{revision}": None}
    value = mutated(st.just(read_yaml(healthy_files()[settings], settings).value))
    text = flow(draw(value), False).encode("utf-8", errors="surrogatepass")
    return {settings: text} | {f"{RESEAL}{adapter}@{revision}": None}


def _other_file(draw: st.DrawFn) -> Edits:
    path, other = draw(st.sampled_from(list(healthy_files()))), draw(st.sampled_from(list(healthy_files())))
    return {path: draw(st.sampled_from((None, None, b"", healthy_files()[other])))}


def _new_file(draw: st.DrawFn) -> Edits:
    content = draw(st.sampled_from([*healthy_files().values(), b"", b"kind: Rule\n", b"\0"]))
    return {draw(st.sampled_from(_NEW_PATHS)): content}


RESEAL = "reseal:"
"""An edit of this name makes the manifest of a revision agree with the bytes."""


@dataclass
class Bench:
    """The healthy repository, and what earlier cases left in the caches."""

    caches: CheckCaches = field(default_factory=CheckCaches)

    @property
    def root(self) -> Path:
        """The repository on disk."""
        return healthy().root

    def check(self, made: Edits, **options: Any) -> CheckResult:
        """Make the edits, check, and put everything back; what is found must be complete."""
        with self.edited(made):
            tree = WorkingTree(self.root)
            result = check_tree(tree, caches=self.caches, **options)
            assert_judged(result, tree)
            assert_reported(result, sources_of(tree))
            assert_paged(result, tree)
        return result

    @contextmanager
    def edited(self, made: Edits) -> Iterator[None]:
        """The repository with the edits made."""
        resealed = [tuple(path.removeprefix(RESEAL).split("@")) for path in made if path.startswith(RESEAL)]
        paths = [path for path in made if not path.startswith(RESEAL)]
        touched = [*paths, *(f"adapters/{adapter}/revisions/{revision}.yaml" for adapter, revision in resealed)]
        try:
            for path in paths:
                write(self.root / path, made[path])
            for adapter, revision in resealed:
                manifest = f"adapters/{adapter}/revisions/{revision}.yaml"
                if made.get(manifest) is None and (self.root / manifest).exists():
                    healthy().reseal_bytes(adapter, revision)
                    _touch(self.root / manifest)
            yield
        finally:
            for path in touched:
                write(self.root / path, healthy_files().get(path))
            for path in paths:
                _remove_empty_folders((self.root / path).parent)


def write(target: Path, content: bytes | None) -> None:
    """Write or remove a file; its time is one that no other content ever had."""
    if content is None:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    _touch(target)


def _remove_empty_folders(folder: Path) -> None:
    while folder.exists() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _touch(target: Path) -> None:
    moment = next(_moments)
    utime(target, ns=(moment, moment))


def assert_judged(result: Judgement, tree: Tree) -> None:
    """Every finding is complete and in the tree, the exit status follows from them."""
    entries = {shown_path(path): path for path in tree.entries()}
    folders = {parent for path in entries for parent in _parents(path)}
    for finding in result.findings:
        _assert_complete(finding)
        known = entries.keys() | folders | healthy_files().keys()  # the last: what a change has removed
        path = finding.place.path
        assert path in known or classify(path).standing is Standing.DOCUMENT, finding  # one that should be there
        if finding.place.line:
            data = tree.read(entries[finding.place.path], limit=1 << 26)
            assert finding.place.line <= data.count(b"\n") + data.count(b"\r") + 2, finding
    assert exit_code(result) == STATUS_OF[result.verdict]
    assert (exit_code(result) == 0) is not any(finding.blocks for finding in result.findings)


def _assert_complete(finding: Finding) -> None:
    assert finding.rule in catalogue(), finding
    assert finding.found, finding
    assert finding.remedy, finding
    assert len(finding.found) < 2000, finding


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
