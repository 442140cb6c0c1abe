"""What an earlier check left behind spares work and changes nothing: documents, and whole outcomes."""

from __future__ import annotations

import json
import marshal
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.checking.checker import CheckCaches, check_tree
from interlock.checking.document_store import DocumentStore, LazyStore, default_folder, open_store, version
from interlock.checking.reading_ahead import WORTH_PROCESSES, ReadingAhead
from interlock.checking.remembered_result import SETTLED_AFTER, key_of, recall, remember
from interlock.documents.layout import classify
from interlock.documents.packed import MAX_BYTES, Packed, pack, unpack
from interlock.documents.snapshot import DocumentCache
from interlock.documents.tree import ListedOnce, WorkingTree
from support.changes import NOON
from support.command_line import interlock_process
from support.repositories import Repository, environment, manifest, pointer, write_repository

TODAY = NOON.date()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with so many documents that reading them ahead pays."""
    repository = write_repository(tmp_path / "repository")
    for number in range(WORTH_PROCESSES):
        description = repository.read("adapters/sql-helper/adapter.yaml") | {"name": f"more-{number}"}
        repository.write(f"adapters/more-{number}/adapter.yaml", description)
    repository.write("adapters/broken/adapter.yaml", "kind: Adapter\nname: broken\nname: twice\n")
    repository.write("adapters/wrong/adapter.yaml", "kind: Pointer\n")
    return repository


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = open_store(tmp_path / "store", "1")
    assert store
    yield store
    store.close()


def findings(repository: Repository, ahead: ReadingAhead | None = None) -> list[str]:
    caches = CheckCaches(documents=DocumentCache(10**6), ahead=ahead)
    result = check_tree(WorkingTree(repository.root), today=TODAY, caches=caches)
    return [*map(repr, result.findings), f"{result.documents} {result.checked} {result.lacks}"]


def damage(repository: Repository) -> None:
    repository.change(environment("dev"), "engine", "max_loras", to=1)
    repository.change(manifest("support-bot", "2"), "artifact", "files", 0, "size", to=1)


def test_reading_ahead_gives_what_reading_one_by_one_gives(repository: Repository, store: DocumentStore) -> None:
    damage(repository)
    plain = findings(repository)
    assert len(plain) > 4
    assert findings(repository, ReadingAhead()) == plain
    ahead = ReadingAhead(store=lambda: store)
    assert findings(repository, ahead) == plain
    assert findings(repository, ahead) == plain, "from the store"


def test_documents_come_from_the_store_while_they_are_what_they_were(
    repository: Repository, store: DocumentStore, tmp_path: Path
) -> None:
    ahead = ReadingAhead(store=lambda: store)
    plain = findings(repository, ahead)
    with sqlite3.connect(tmp_path / "store/check-1.sqlite") as connection:
        rows = connection.execute("SELECT key, content, positions FROM documents WHERE key LIKE '%dev/env%'").fetchall()
    connection.close()
    ((key, content, positions),) = rows
    values = marshal.loads(zlib.decompress(content))
    values["engine"]["max_loras"] = 1
    store.keep({key: Packed(zlib.compress(marshal.dumps(values)), positions)})
    assert any("over-max-loras" in line for line in findings(repository, ahead)), "it is not read again"
    path = repository.root / environment("dev")
    path.write_bytes(path.read_bytes() + b"# another blob\n")
    assert findings(repository, ahead) == plain, "it is read again"


def test_a_row_that_a_bad_disk_spoiled_is_read_again(
    repository: Repository, store: DocumentStore, tmp_path: Path
) -> None:
    plain = findings(repository)
    ahead = ReadingAhead(store=lambda: store)
    findings(repository, ahead)
    with sqlite3.connect(tmp_path / "store/check-1.sqlite") as connection:
        rows = connection.execute("SELECT key, content FROM documents").fetchall()
        spoiled = [(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], key) for key, content in rows]
        connection.executemany("UPDATE documents SET content = ? WHERE key = ?", spoiled)
    connection.close()
    assert len(spoiled) > 5
    assert findings(repository, ahead) == plain


def test_a_store_that_is_no_database_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o700)
    (tmp_path / "store/check-1.sqlite").write_bytes(b"not a database, and long enough to look at" * 200)
    assert open_store(tmp_path / "store", "1") is None
    again = open_store(tmp_path / "store", "1")
    assert again
    again.close()


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    assert open_store(tmp_path / "shared", "1") is None
    (tmp_path / "elsewhere.sqlite").write_bytes(b"")
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "own/check-1.sqlite").symlink_to(tmp_path / "elsewhere.sqlite")
    assert open_store(tmp_path / "own", "1") is None


def test_stores_of_old_versions_are_removed_in_time(tmp_path: Path) -> None:
    for number in range(6):
        store = open_store(tmp_path / "store", str(number))
        assert store
        store.close()
        os.utime(tmp_path / f"store/check-{number}.sqlite", (number, number))
    names = sorted(path.name for path in (tmp_path / "store").glob("*.sqlite"))
    assert names == [f"check-{number}.sqlite" for number in (2, 3, 4, 5)]


def test_where_stores_lie_is_the_users_choice() -> None:
    assert default_folder({"HOME": "/home/alice"}) == Path("/home/alice/.cache/interlock")
    assert default_folder({"HOME": "/home/alice", "XDG_CACHE_HOME": "/var/alice"}) == Path("/var/alice/interlock")
    assert default_folder({"HOME": "/home/alice", "INTERLOCK_CACHE_DIR": ""}) is None
    assert default_folder({"INTERLOCK_CACHE_DIR": "/srv/cache"}) == Path("/srv/cache")
    assert default_folder({}) is None
    assert LazyStore({})() is None


def test_another_version_of_what_judges_is_another_store(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "rules").mkdir(parents=True)
    (package / "rules/form.py").write_text("LIMIT = 1\n")
    before = version(package)
    assert version(package) == before
    assert version(package, libraries=("pydantic",)) != before
    (package / "rules/form.py").write_text("LIMIT = 10\n")
    assert version(package) != before
    assert version() != before


@pytest.mark.parametrize("path", [pointer("dev", "support-bot"), manifest("support-bot", "2"), "policies/roster.yaml"])
def test_a_packed_document_is_the_same_document_at_the_same_places(path: str, repository: Repository) -> None:
    expected = classify(path)
    tree = WorkingTree(repository.root)
    found = pack(tree.read(path, limit=10**6), path)
    assert found
    again = unpack(found, expected)
    plain = check_tree(tree).snapshot
    documents = {located.path: located for group in (plain.pointers, plain.revisions) for located in group.values()} | (
        {plain.roster.path: plain.roster} if plain.roster else {}
    )
    assert again
    assert again.document == documents[path].document
    assert dict(again.positions.values) == dict(documents[path].positions.values)
    assert dict(again.positions.keys) == dict(documents[path].positions.keys)


def packed(values: Any) -> Packed:
    return Packed(zlib.compress(marshal.dumps(values)), zlib.compress(marshal.dumps(({}, {}))))


def test_what_was_packed_wrongly_is_no_document() -> None:
    expected = classify(pointer("dev", "support-bot"))
    pointer_values = {"kind": "Pointer", "adapter": "support-bot", "active": "1"}
    assert unpack(packed(pointer_values), expected)
    assert unpack(packed({"kind": "Pointer"}), expected) is None
    assert unpack(packed({**pointer_values, "kind": "Adapter"}), expected) is None
    assert unpack(packed({**pointer_values, "adapter": "sql-helper"}), expected) is None
    assert unpack(packed([pointer_values]), expected) is None
    assert unpack(Packed(b"not compressed", b""), expected) is None
    assert unpack(Packed(zlib.compress(b"not marshalled"), b""), expected) is None
    assert unpack(Packed(zlib.compress(b" " * (MAX_BYTES + 1)), b""), expected) is None
    spoiled = unpack(Packed(packed(pointer_values).values, b"{"), expected)
    assert spoiled
    assert spoiled.positions.of(("active",)) == (1, 1)


def test_an_outcome_is_told_again_only_while_nothing_changes(repository: Repository, store: DocumentStore) -> None:
    damage(repository)

    def outcome(later: float = 60) -> tuple[str, str]:
        tree = ListedOnce(repository.root)
        key = key_of(tree.entries(), tree.label, None, False, TODAY)
        known = recall(store, key)
        if known:
            return "told again", repr(known.findings) + f"{known.documents} {known.checked} {known.lacks}"
        result = check_tree(tree, today=TODAY)
        newest = max(path.stat().st_mtime for path in repository.root.rglob("*") if path.is_file())
        remember(store, key, result, newest + later)
        return "judged", repr(result.findings) + f"{result.documents} {result.checked} {result.lacks}"

    first = outcome()
    assert first[0] == "judged"
    assert outcome() == ("told again", first[1])
    path = repository.root / pointer("dev", "support-bot")
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"3"', b'"2"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert outcome(later=SETTLED_AFTER / 2)[0] == "judged", "size and time of the last change are as they were"
    assert outcome()[0] == "judged", "a file that was only just written may change again within its time stamp"
    assert outcome()[0] == "told again"


def test_an_outcome_that_depends_on_other_places_is_not_kept(repository: Repository, store: DocumentStore) -> None:
    repository.change(manifest("support-bot", "2"), "artifact", "uri", to="file:///srv/adapters/support-bot/2")
    tree = ListedOnce(repository.root)
    remember(store, "key", check_tree(tree, today=TODAY), 4e9)
    assert recall(store, "key") is None


def test_the_command_line_says_the_same_with_and_without_a_store(repository: Repository, tmp_path: Path) -> None:
    damage(repository)
    outcomes = []
    for folder in ("", str(tmp_path / "cache"), str(tmp_path / "cache")):
        environ = {"INTERLOCK_CACHE_DIR": folder}
        told = interlock_process("check", repository.root, "--format", "json", environment=environ)
        outcomes.append((told.status, json.loads(told.out)))
    assert outcomes[0][0] == 1
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert list((tmp_path / "cache").glob("check-*.sqlite"))
