"""Plays the examples of the rules on a real repository: `tests/rules/test_rule_pages.py` asks the real checker.

    PYTHONPATH=tests .venv/bin/python -m support.rule_examples [ID ...]

writes what the checker says into the examples (`printed:`). Afterwards write the pages:

    .venv/bin/python -m interlock.rules.pages docs/rules
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.checking.checker import check_tree, exit_code
from interlock.cli.excerpts import sources_of
from interlock.documents.fields import duration
from interlock.documents.tree import SUBMODULE, Entry, WorkingTree
from interlock.findings.finding import Finding
from interlock.findings.judgement import Judgement
from interlock.findings.report_text import render_text
from interlock.rules.catalogue import catalogue
from interlock.rules.example import (
    AddSubmodule,
    Approve,
    AskForChanges,
    BreakHeader,
    CopyFile,
    CutFile,
    Edit,
    Example,
    FlipByte,
    LinkFile,
    Merge,
    MoveFile,
    PastEmergency,
    ProposeAs,
    RemoveFile,
    RepeatItem,
    ReplaceText,
    Reseal,
    Retrain,
    SetAdapterConfig,
    SetValue,
    SignWeights,
    TakeAway,
    Vanish,
    Wait,
    WithoutPackage,
    WriteFile,
    example_ids,
    example_path,
    read_example,
    steps,
)
from interlock.rules.rule import TransitionRule
from support.absent_packages import without_packages
from support.adapters import llama_config
from support.approving import Said
from support.changes import Proposal
from support.repositories import REMOVED, Repository, write_repository
from support.signed_weights import sign_weights_of

PROJECT = Path(__file__).parents[2]
SHOWN_ROOT = "/home/alice/adapters"
"""Stands for the folder of the test where a finding names it."""
_DIGEST = re.compile(r"(?<=sha256:)[0-9a-f]+|(?<=commit )[0-9a-f]{12}")


@dataclass(frozen=True)
class Played:
    """What the checker said of one side of an example; `printed` is the rule's first finding as a person sees it."""

    findings: tuple[Finding, ...]
    exit_status: int
    printed: str


def without_digests(text: str) -> str:
    """A report without digests of random weights and of commits of them, which another numpy may draw differently."""
    return _DIGEST.sub("", text)


def play(rule: str, example: Example, edits: Sequence[Edit], root: Path) -> Played:
    """Apply the edits to a healthy repository in `root` (a new folder), and check it."""
    if isinstance(catalogue()[rule], TransitionRule):
        return _play_change(rule, example, edits, root)
    repository = write_repository(root)
    for edit in (*example.base, *edits):
        apply(edit, repository)
    tree = _TrickyTree(root, edits)
    with without_packages(*missing_packages(edits)):
        result = check_tree(tree, deep=example.deep, today=example.today)
    return _played(rule, result, exit_code(result), WorkingTree(root))


def missing_packages(edits: Sequence[Edit]) -> list[str]:
    """The packages that an example wants not to be installed."""
    return [edit.package for edit in edits if isinstance(edit, WithoutPackage)]


def _play_change(rule: str, example: Example, edits: Sequence[Edit], root: Path) -> Played:
    proposal = Proposal.begin(root)
    proposal.said = Said() if catalogue()[rule].family == "approvals" else None
    _propose(example.base, proposal)
    if example.base:
        proposal.merge()
    _propose(edits, proposal)
    result = proposal.check()
    proposal.repository.git("checkout", "--quiet", "proposal")
    return _played(rule, result, exit_code(result), WorkingTree(root))


def _propose(edits: Sequence[Edit], proposal: Proposal) -> None:
    for edit in edits:
        match edit:
            case Wait():
                proposal.wait(seconds=duration(edit.time).total_seconds())
            case Merge():
                proposal.merge(edit.message)
            case ProposeAs():
                proposal.author = edit.login
            case Approve():
                assert proposal.said
                proposal.said.approves(edit.who)
            case AskForChanges():
                assert proposal.said
                proposal.said.asks_for_changes(edit.who)
            case PastEmergency():
                assert proposal.said
                proposal.said.remembers(edit.by, edit.environment, edit.reviewed_by)
            case _:
                apply(edit, proposal.repository)


def _played(rule: str, result: Judgement, status: int, tree: WorkingTree) -> Played:
    of_rule = [finding for finding in result.findings if finding.rule == rule][:1]
    printed = render_text(_Only(result, of_rule), sources_of(tree), False).rpartition("\n\n")[0]
    return Played(tuple(result.findings), status, printed.replace(str(tree.root), SHOWN_ROOT))


class _Only:
    """A judgement with some of its findings only, to print them."""

    def __init__(self, whole: Judgement, findings: Sequence[Finding]) -> None:
        self.findings = findings
        self.verdict, self.label, self.environment = whole.verdict, whole.label, whole.environment
        self.documents, self.checked = whole.documents, whole.checked


class _TrickyTree(WorkingTree):
    """A directory with what no directory on every machine can show: submodules, and files that go while one looks."""

    def __init__(self, root: Path, edits: Sequence[Edit]) -> None:
        super().__init__(root)
        self._submodules = [edit.file for edit in edits if isinstance(edit, AddSubmodule)]
        self._vanishing = [edit.file for edit in edits if isinstance(edit, Vanish)]

    def entries(self) -> dict[str, Entry]:
        listed = dict(super().entries())
        listed |= {path: Entry(path, SUBMODULE, 0, "1" * 40) for path in self._submodules}
        for path in self._vanishing:
            (self.root / path).unlink(missing_ok=True)
        return dict(sorted(listed.items()))


def apply(edit: Edit, repository: Repository) -> None:
    """Make one edit of the files on disk."""
    root = repository.root
    match edit:
        case SetValue():
            repository.change(edit.file, *steps(edit.at), to=edit.to)
        case TakeAway():
            repository.change(edit.file, *steps(edit.at), to=REMOVED)
        case RepeatItem():
            _repeat(repository, edit)
        case WriteFile():
            repository.write(edit.file, (edit.text * edit.times).encode(edit.encoding))
        case RemoveFile():
            repository.remove(edit.file)
        case CopyFile():
            repository.write(edit.to, (root / edit.file).read_bytes())
        case MoveFile():
            (root / edit.to).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(root / edit.file, root / edit.to)
        case LinkFile():
            (root / edit.file).unlink(missing_ok=True)
            (root / edit.file).symlink_to(edit.to)
        case AddSubmodule() | Vanish() | WithoutPackage():
            pass  # the tree that is checked shows them, or the machine that checks it
        case Wait() | Merge() | ProposeAs() | Approve() | AskForChanges() | PastEmergency():
            raise AssertionError("time and merges belong to examples of changes")
        case _:
            _apply_to_bytes(edit, repository)


def _apply_to_bytes(edit: Edit, repository: Repository) -> None:
    """Edits of weights, settings and digests."""
    match edit:
        case CutFile():
            _rewrite(repository, edit.file, lambda data: data[: edit.size])
        case FlipByte():
            _rewrite(repository, edit.file, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        case BreakHeader():
            _rewrite(repository, edit.file, lambda data: b"\xff" * 8 + data[8:])
        case ReplaceText():
            assert edit.text.encode() in (repository.root / edit.file).read_bytes(), edit
            _rewrite(repository, edit.file, lambda data: data.replace(edit.text.encode(), edit.by.encode(), 1))
        case Retrain():
            repository.replace_adapter(*edit.revision.split("@"), **_arguments(edit.having))
        case SetAdapterConfig():
            repository.change_settings(*edit.revision.split("@"), **edit.to)
        case Reseal():
            repository.reseal(*edit.revision.split("@"))
        case SignWeights():
            sign_weights_of(repository, edit.revision, edit.by, listed=edit.listed)
        case _:
            raise AssertionError(f"no way to play {edit}")


def _repeat(repository: Repository, edit: RepeatItem) -> None:
    *location, index = steps(edit.at)
    items: Any = repository.read(edit.file)
    for step in location:
        items = items[step]
    repository.change(edit.file, *location, to=[*items, items[index]])


def _rewrite(repository: Repository, path: str, change: Callable[[bytes], bytes]) -> None:
    target = repository.root / path
    target.write_bytes(change(target.read_bytes()))


def _arguments(having: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `write_adapter`; `shapes_for` names the sizes of another base."""
    shapes = having.get("shapes_for")
    return having | ({"shapes_for": llama_config(**shapes)} if shapes else {})


def write_printed(rule: str) -> None:
    """Write what the checker says into the example of a rule."""
    example = read_example(rule)
    with tempfile.TemporaryDirectory() as scratch:
        played = play(rule, example, example.failing, Path(scratch) / "repository")
    path = PROJECT / example_path(rule)
    by_hand = path.read_text(encoding="utf-8").partition("\nprinted:")[0].rstrip("\n")
    block = "".join(f"  {line}\n" if line else "\n" for line in played.printed.split("\n"))
    path.write_text(f"{by_hand}\nprinted: |-\n{block}", encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or sorted(example_ids()):
        write_printed(each)
