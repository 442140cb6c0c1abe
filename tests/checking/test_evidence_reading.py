"""Which statements lie in a repository about which revision; what is no statement is told and counts for nothing."""

from __future__ import annotations

import json
from pathlib import Path

from interlock.checking.evidence_reading import MAX_FILES, EvidenceFolder, read_evidence
from interlock.documents.identifiers import RevisionId
from interlock.documents.tree import WorkingTree
from interlock.evidence.statements import STATEMENT

FIRST, SECOND = RevisionId("support-bot", "1"), RevisionId("support-bot", "2")
FOLDER = "adapters/support-bot/evidence/1"
TEST_RESULT = json.dumps(
    {
        "_type": STATEMENT,
        "subject": [{"digest": {"sha256": "1f" * 32}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
    }
)


def read(root: Path, files: dict[str, str]) -> EvidenceFolder:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return read_evidence(WorkingTree(root), [FIRST, SECOND])[FIRST]


def told(folder: EvidenceFolder) -> list[str]:
    return [file.statement.kind if file.statement else file.unreadable for file in folder.files]


def test_statements_are_found_in_the_folder_of_their_revision_and_below(tmp_path: Path) -> None:
    files = {f"{FOLDER}/a.json": TEST_RESULT, f"{FOLDER}/core/b.json": TEST_RESULT}
    files |= {"adapters/support-bot/evidence/11/c.json": TEST_RESULT, f"{FOLDER}/notes.txt": "x"}
    assert told(read(tmp_path, files)) == ["test-result", "test-result"]
    assert read_evidence(WorkingTree(tmp_path), [SECOND])[SECOND] == EvidenceFolder()


def test_a_file_that_states_nothing_says_why(tmp_path: Path) -> None:
    (why,) = told(read(tmp_path, {f"{FOLDER}/a.json": "{}"}))
    assert "no in-toto statement" in why


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    read(tmp_path, {f"{FOLDER}/a.json": TEST_RESULT})
    (tmp_path / FOLDER / "b.json").symlink_to("a.json")
    assert told(read(tmp_path, {})) == ["test-result", "it is a symlink"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (why,) = told(read(tmp_path, {f"{FOLDER}/a.json": " " * (1 << 20) + TEST_RESULT}))
    assert "bytes" in why


def test_only_so_many_files_are_read(tmp_path: Path) -> None:
    folder = read(tmp_path, {f"{FOLDER}/{number:04}.json": TEST_RESULT for number in range(MAX_FILES + 3)})
    assert (len(folder.files), folder.unread) == (MAX_FILES, 3)
