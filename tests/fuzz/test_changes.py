"""Proposed changes with anything in them, through the real checker on a real git repository."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

from fuzz.budget import cases
from fuzz.report_formats import assert_paged, assert_reported
from fuzz.whole_repository import RESEAL, Edits, assert_judged, edits, write
from interlock.checking.changes import flaw_identity
from interlock.checking.checker import check_tree
from interlock.cli.excerpts import sources_of
from interlock.history.repository import GitRepository
from support.changes import Proposal


@cache
def _proposal() -> Proposal:
    scratch = tempfile.TemporaryDirectory()
    atexit.register(scratch.cleanup)
    return Proposal.begin(Path(scratch.name) / "repository")


@cases(60, edits())
def test_a_change_with_anything_in_it_is_judged(made: Edits) -> None:
    proposal = _proposal()
    for path, content in made.items():
        if not path.startswith(RESEAL):
            write(proposal.repository.root / path, content)
    result = proposal.check()  # afterwards the trusted branch is checked out again
    git = GitRepository(proposal.repository.root)
    with git.commit_tree(git.resolve("proposal")) as tree:
        assert_judged(result, tree)
        whole = check_tree(tree).findings
        missed = {flaw_identity(f) for f in whole if f.blocks} - {flaw_identity(f) for f in result.findings if f.blocks}
        assert not missed, missed  # the trusted side has no flaw, so each of them comes with the change
        assert_reported(result, sources_of(tree))
        assert_paged(result, tree)
