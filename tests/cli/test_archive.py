"""`interlock archive`, on the living example."""

from __future__ import annotations

from pathlib import Path

from interlock.documents.identifiers import RevisionId
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from support.command_line import interlock

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_revision_is_kept_and_the_saving_told(tmp_path: Path) -> None:
    artifact = read_snapshot(WorkingTree(REPOSITORY)).revisions[RevisionId("support-bot", "1")].document.artifact
    outcome = interlock("archive", "support-bot@1", "--to", tmp_path, "-C", REPOSITORY, "--json")
    assert outcome.status == 0, outcome.err
    told = outcome.document
    where = tmp_path / "sha256" / artifact.digest.hex
    assert (told["digest"], told["directory"], told["fresh"]) == (str(artifact.digest), str(where), True)
    assert told["size"] == artifact.size > told["kept_size"] == sum(path.stat().st_size for path in where.iterdir())
    again = interlock("archive", "support-bot@1", "--to", tmp_path, "-C", REPOSITORY)
    saved = round(100 * (told["size"] - told["kept_size"]) / told["size"])
    assert f"was kept already, and is intact, in {where}" in again.out
    assert f"({saved} % saved)" in again.out


def test_what_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    outcome = interlock("archive", "support-bot@99", "--to", tmp_path, "-C", REPOSITORY)
    assert (outcome.status, "has no revision support-bot@99" in outcome.err) == (2, True)
