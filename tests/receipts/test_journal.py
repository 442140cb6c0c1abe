"""The receipts on a node's disk: they only grow, and whatever happens to the disk, nothing is lost silently."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interlock.approvals.sshsig import verify
from interlock.approvals.unattended_key import UnattendedKey, load_unattended_key
from interlock.documents.canonical_json import canonical_json
from interlock.errors import EvidenceError, UsageError
from interlock.receipts.journal import Journal, ReceiptNotWritten, read_segment, segments
from interlock.receipts.receipt import NAMESPACE, SCHEMA, read_line
from support.receipts import Clock, journal_in, served, share, witnessed
from support.signing_keys import make_key, ssh_keygen_verifies


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "receipts"


def lines_in(directory: Path) -> list[bytes]:
    return [line for _, path in segments(directory) for line in path.read_bytes().splitlines(keepends=True)]


def test_each_receipt_names_the_line_before_it(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock)
    for revision in ("1", "2", "3"):
        journal.append("flipped", witnessed(bot=revision))
    lines = lines_in(directory)
    receipts = [read_line(line.rstrip(b"\n")).receipt for line in lines]
    assert [one.sequence for one in receipts] == [0, 1, 2]
    assert [one.previous for one in receipts] == [None, *(_sha(line) for line in lines[:-1])]
    assert receipts[1].routes["bot"].active.served == served("bot", "2")


def _sha(line: bytes) -> str:
    return f"sha256:{hashlib.sha256(line[:-1]).hexdigest()}"


def test_only_what_changed_is_written_and_all_of_it_is_known_afterwards(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock)
    journal.append("began", witnessed(bot="1", sql="1"))
    journal.append("flipped", witnessed(bot="2", sql="1"))
    journal.append("flipped", witnessed(bot="2"))
    *_, second, third = (read_line(line.rstrip(b"\n")).receipt for line in lines_in(directory))
    assert (set(second.routes), second.gone) == ({"bot"}, ())
    assert (set(third.routes), third.gone) == (set(), ("sql",))
    assert journal_in(directory, clock).last == witnessed(bot="2")


def test_what_is_signed_and_digested_is_in_canonical_form(directory: Path, clock: Clock) -> None:
    canaries = {"bot": share("bot", "2", 12.5, ("acme", "Müller & Söhne", '"\\\u2028'))}
    now = witnessed(bot="1", sql="1", canaries=canaries)
    line = journal_in(directory, clock).append("began", now)
    form = canonical_json({alias: route.model_dump() for alias, route in now.routes.items()})
    assert line.receipt.routes_digest == f"sha256:{hashlib.sha256(form).hexdigest()}"
    assert line.receipt.to_bytes() == canonical_json({"schema": SCHEMA, **line.receipt.model_dump()})
    assert journal_in(directory, clock).last == now


def test_a_signature_is_one_that_ssh_keygen_verifies(directory: Path, clock: Clock, tmp_path: Path) -> None:
    key = make_key(tmp_path, "node")
    line = journal_in(directory, clock, key=load_unattended_key(key.path)).append("began", witnessed(bot="1"))
    message = line.receipt.to_bytes()
    assert verify(message, line.signature, NAMESPACE).key == key.public
    assert ssh_keygen_verifies(tmp_path, key, message, line.signature, NAMESPACE)
    assert not ssh_keygen_verifies(tmp_path, key, message + b" ", line.signature, NAMESPACE)


@pytest.mark.parametrize("left", [1, 40, 400])
def test_a_line_that_breaks_off_stays_where_it_is_and_the_next_receipt_says_so(
    directory: Path, clock: Clock, left: int
) -> None:
    journal = journal_in(directory, clock)
    journal.append("began", witnessed(bot="1"))
    last = journal.append("flipped", witnessed(bot="2"))
    [(_, path)] = segments(directory)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:left])
    line = journal_in(directory, clock).append("began", witnessed(bot="2"))
    assert line.receipt.previous == last.digest
    assert (line.receipt.sequence, line.receipt.complete) == (2, True)
    [damage] = line.receipt.damaged
    assert (damage.file, damage.offset, damage.size) == (path.name, len(whole), left)
    assert path.read_bytes() == whole + whole[:left]


def test_a_receipt_in_the_middle_that_cannot_be_read_is_told(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock)
    for revision in ("1", "2", "3"):
        journal.append("flipped", witnessed(bot=revision))
    [(_, path)] = segments(directory)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * (len(lines[1]) - 1) + b"\n" + lines[2])
    line = journal_in(directory, clock).append("began", witnessed(bot="3"))
    assert (line.receipt.sequence, line.receipt.damaged[0].offset) == (3, len(lines[0]))


def test_where_nothing_can_be_read_another_chain_begins(directory: Path, clock: Clock) -> None:
    first = journal_in(directory, clock).append("began", witnessed(bot="1"))
    [(_, path)] = segments(directory)
    path.write_bytes(b"\0" * 10)
    line = journal_in(directory, clock).append("began", witnessed(bot="1"))
    assert (line.receipt.sequence, line.receipt.previous, len(line.receipt.damaged)) == (0, None, 1)
    assert line.receipt.chain != first.receipt.chain


@contextmanager
def room_until(size: int) -> Iterator[None]:
    """No file of this process grows beyond a size: what is written is cut off there, and then refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_after_a_write_that_was_cut_off_the_file_is_as_it_was(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock)
    journal.append("began", witnessed(bot="1"))
    [(_, path)] = segments(directory)
    before = path.read_bytes()
    with room_until(len(before) + 100), pytest.raises(ReceiptNotWritten, match="File too large"):
        journal.append("flipped", witnessed(bot="2"))
    assert path.read_bytes() == before
    line = journal.append("found", witnessed(bot="2"))
    assert (line.receipt.sequence, line.receipt.damaged) == (1, ())


def test_a_directory_that_cannot_be_written_is_told_and_tried_again(directory: Path, clock: Clock) -> None:
    directory.write_text("in the way")
    journal = journal_in(directory, clock)
    with pytest.raises(ReceiptNotWritten, match="cannot be written"):
        journal.append("began", witnessed(bot="1"))
    directory.unlink()
    assert journal.append("found", witnessed(bot="1")).receipt.sequence == 0


def test_a_segment_that_is_large_enough_is_followed_by_another(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock, segment_bytes=1500)
    for number in range(6):
        journal.append("flipped", witnessed(bot=str(number), sql="1"))
    found = [read_segment(path) for _, path in segments(directory)]
    assert len(found) > 1
    assert all(one.lines[0].receipt.complete for one in found)
    assert found[-1].state == witnessed(bot="5", sql="1")


def test_receipts_of_another_node_in_the_same_place_are_not_continued(directory: Path, clock: Clock) -> None:
    first = journal_in(directory, clock).append("began", witnessed(bot="1"))
    other = journal_in(directory, clock, node="other").append("began", witnessed(bot="1"))
    assert (other.receipt.sequence, other.receipt.previous) == (0, None)
    assert other.receipt.chain != first.receipt.chain


def test_a_line_that_says_more_than_is_read_is_refused(directory: Path, clock: Clock) -> None:
    journal_in(directory, clock).append("began", witnessed(bot="1"))
    [line] = lines_in(directory)
    for changed in (line[:-1] + b" ", line.replace(b'"gone"', b'"Gone"'), line[:-2] + b',"more":1}', b"[]", b"1", b""):
        with pytest.raises(EvidenceError):
            read_line(changed.rstrip(b"\n"))


def test_a_key_that_others_can_read_or_that_has_a_passphrase_is_refused(tmp_path: Path) -> None:
    key = make_key(tmp_path, "node")
    assert isinstance(load_unattended_key(key.path), UnattendedKey)
    key.path.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by other users"):
        load_unattended_key(key.path)
    other = make_key(tmp_path, "other", "ecdsa-256")
    with pytest.raises(UsageError, match="another kind"):
        load_unattended_key(other.path)
    other.path.write_text("no key")
    with pytest.raises(UsageError, match="no key of OpenSSH"):
        load_unattended_key(other.path)
    with pytest.raises(UsageError, match="No such file"):
        load_unattended_key(tmp_path / "absent")


def test_the_journal_is_opened_again_where_somebody_else_wrote_to_it(directory: Path, clock: Clock) -> None:
    journal = journal_in(directory, clock)
    journal.append("began", witnessed(bot="1"))
    [(_, path)] = segments(directory)
    with path.open("ab") as stream:
        stream.write(b"{")
    line = journal.append("flipped", witnessed(bot="2"))
    assert [damage.size for damage in line.receipt.damaged] == [1]


def test_nothing_is_written_by_looking(directory: Path, clock: Clock) -> None:
    assert journal_in(directory, clock).last is None
    assert not directory.exists()
    assert isinstance(journal_in(directory, clock), Journal)
