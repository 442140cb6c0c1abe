"""Receipts reach the places that the operator names, each complete and only once, whatever the place does meanwhile."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interlock.errors import UsageError
from interlock.history.remote import Remote
from interlock.receipts.journal import Journal
from interlock.receipts.push.batch import Batch, Mark, ReceiptsNotPushed, next_batch
from interlock.receipts.push.loop import STUCK, Place, Pusher
from interlock.receipts.push.to_directory import ToDirectory
from interlock.receipts.push.to_git import RECEIPTS, ToGit
from interlock.receipts.push.to_url import ToUrl
from support.receipts import NODE, Clock, journal_in, witnessed

REF = f"{RECEIPTS}/{NODE}"


@dataclass
class Source:
    """A node's receipts, and what a place should have of them."""

    directory: Path
    journal: Journal

    def add(self, *revisions: str) -> None:
        for revision in revisions:
            self.journal.append("flipped", witnessed(bot=revision))

    @property
    def lines(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.directory.glob("*.jsonl")))

    def pusher(self, place: Place) -> Pusher:
        return Pusher(place, self.directory, self.directory.parent / "marks", pause=0.01, chance=lambda: 0.0)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    directory = tmp_path / "receipts"
    source = Source(directory, journal_in(directory, Clock()))
    source.add("1", "2")
    return source


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_a_directory_gets_what_is_new_in_files_that_never_change(source: Source, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    pusher = source.pusher(ToDirectory(place))
    assert pusher.push()
    [first] = files_of(place)
    assert first.parent.parent == place / NODE
    before = first.stat().st_mtime_ns
    assert pusher.push()
    source.add("3")
    assert pusher.push()
    assert b"".join(path.read_bytes() for path in files_of(place)) == source.lines
    assert first.stat().st_mtime_ns == before


def test_a_directory_that_is_not_there_is_not_made(source: Source, tmp_path: Path) -> None:
    pusher = source.pusher(ToDirectory(tmp_path / "not-mounted"))
    assert not pusher.push()
    assert "there is no directory" in pusher.trouble
    assert not (tmp_path / "not-mounted").exists()
    (tmp_path / "not-mounted").mkdir()
    assert pusher.push()
    assert (pusher.trouble, pusher.failures) == ("", 0)


def test_a_link_that_somebody_planted_in_a_directory_is_not_followed(source: Source, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shared" / NODE).symlink_to(tmp_path / "elsewhere")
    pusher = source.pusher(ToDirectory(tmp_path / "shared"))
    assert not pusher.push()
    assert "leads elsewhere" in pusher.trouble
    assert files_of(tmp_path / "elsewhere") == []


def test_what_is_sent_again_is_there_once(source: Source, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    assert source.pusher(ToDirectory(tmp_path / "shared")).push()
    for mark in (tmp_path / "marks").iterdir():
        mark.write_text("not a mark")
    assert source.pusher(ToDirectory(tmp_path / "shared")).push()
    [only] = files_of(tmp_path / "shared")
    assert only.read_bytes() == source.lines


def test_bytes_that_are_no_receipt_and_a_line_that_breaks_off_are_not_sent(source: Source) -> None:
    [path] = source.directory.iterdir()
    whole = path.read_bytes()
    path.write_bytes(b"junk\n" + whole + whole[:50])
    batch = next_batch(source.directory, Mark())
    assert batch
    assert batch.data == whole
    assert next_batch(source.directory, batch.after) is None
    assert next_batch(source.directory, Mark(1, 10**9)) == batch


@dataclass
class Receiver:
    """An https receiver as an operator would run one, on loopback: keeps bodies, and answers what it is told to."""

    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/receipts"


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.heads.append({name.lower(): value for name, value in self.headers.items()})
            status = receiver.answers.pop(0) if receiver.answers else 204
            if status == 204:
                receiver.bodies.append(body)
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        receiver.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield receiver
        listening.shutdown()


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    server.answers, server.bodies, server.heads = [], [], []
    return server


def test_an_address_gets_the_lines_as_they_are_with_its_token(source: Source, receiver: Receiver) -> None:
    place = ToUrl(receiver.url, "a-token")
    assert source.pusher(place).push()
    place.close()
    assert receiver.bodies == [source.lines]
    head = receiver.heads[0]
    assert (head["authorization"], head["content-type"]) == ("Bearer a-token", "application/jsonl")
    assert head["interlock-node"] == NODE


@pytest.mark.parametrize("status", [302, 401, 500])
def test_an_address_that_refuses_gets_it_again_and_no_token_goes_elsewhere(
    source: Source, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    place = ToUrl(receiver.url, "a-token")
    pusher = source.pusher(place)
    assert not pusher.push()
    assert f"answered {status}" in pusher.trouble
    assert "a-token" not in pusher.trouble + repr(place)
    assert pusher.push()
    place.close()
    assert receiver.bodies == [source.lines]


def test_no_proxy_reads_what_goes_to_this_machine_without_tls(
    source: Source, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", receiver.url)
    place = ToUrl("http://127.0.0.1:9/receipts", "a-token", timeout=2.0)
    assert not source.pusher(place).push()
    place.close()
    assert receiver.heads == []


def test_an_address_where_nobody_listens_is_told(source: Source) -> None:
    place = ToUrl("http://127.0.0.1:9/receipts?key=secret", timeout=0.5)
    pusher = source.pusher(place)
    assert not pusher.push()
    place.close()
    assert "did not take receipts" in pusher.trouble
    assert "secret" not in pusher.trouble


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True, timeout=30)
    return path


def git(directory: Path, *words: str) -> str:
    finished = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, check=True, timeout=30)
    return finished.stdout.decode()


def held_by(remote: Path) -> bytes:
    names = git(remote, "ls-tree", "-r", "--name-only", REF).splitlines()
    return b"".join(git(remote, "show", f"{REF}:{name}").encode() for name in sorted(names))


def to_git(tmp_path: Path, remote: Path, name: str = "pushed.git") -> ToGit:
    return ToGit(tmp_path / name, Remote(f"file://{remote}", "main"))


def test_a_git_remote_gets_a_ref_that_only_grows(source: Source, tmp_path: Path, remote: Path) -> None:
    pusher = source.pusher(to_git(tmp_path, remote))
    assert pusher.push()
    first = git(remote, "rev-parse", REF).strip()
    source.add("3")
    assert pusher.push()
    assert held_by(remote) == source.lines
    assert git(remote, "merge-base", "--is-ancestor", first, REF) == ""


def test_what_another_agent_of_the_same_name_added_stays(source: Source, tmp_path: Path, remote: Path) -> None:
    assert source.pusher(to_git(tmp_path, remote)).push()
    other = tmp_path / "other"
    other.mkdir()
    second = Source(other / "receipts", journal_in(other / "receipts", Clock()))
    second.add("7")
    assert second.pusher(to_git(tmp_path, remote, "other.git")).push()
    assert sorted(held_by(remote).splitlines()) == sorted((source.lines + second.lines).splitlines())


def test_what_a_remote_lost_it_gets_again(source: Source, tmp_path: Path, remote: Path) -> None:
    pusher = source.pusher(to_git(tmp_path, remote))
    assert pusher.push()
    git(remote, "update-ref", "-d", REF)
    source.add("3")
    assert pusher.push()
    assert held_by(remote) == source.lines


def test_a_remote_that_is_not_there_is_told_and_nothing_is_lost(source: Source, tmp_path: Path) -> None:
    pusher = source.pusher(to_git(tmp_path, tmp_path / "absent.git"))
    assert not pusher.push()
    assert "did not take receipts" in pusher.trouble
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "absent.git")], check=True, timeout=30)
    assert pusher.push()
    assert held_by(tmp_path / "absent.git") == source.lines


def test_an_address_with_an_option_in_it_is_refused() -> None:
    with pytest.raises(UsageError):
        Remote("--upload-pack=touch /tmp/x", "main")


@dataclass
class Balky:
    """A place that refuses a few times, and says when it has everything."""

    refusals: int
    got: list[Batch] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    name: str = "balky"

    def send(self, batch: Batch) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ReceiptsNotPushed("not now")
        self.got.append(batch)
        self.done.set()

    def close(self) -> None:
        """Nothing is held open."""


def test_the_thread_tries_again_by_itself(source: Source) -> None:
    place = Balky(refusals=3)
    pusher = source.pusher(place)
    pusher.hint()
    assert place.done.wait(20)
    pusher.close(20)
    assert b"".join(batch.data for batch in place.got) == source.lines


def test_what_is_written_last_is_sent_when_the_agent_ends(source: Source) -> None:
    place = Balky(refusals=0)
    pusher = source.pusher(place)
    pusher.hint()
    source.add("3")
    pusher.close(20)
    assert b"".join(batch.data for batch in place.got) == source.lines


def test_a_place_that_hangs_holds_up_nobody(source: Source) -> None:
    never = threading.Event()

    @dataclass
    class Hanging(Balky):
        def send(self, batch: Batch) -> None:
            self.done.set()
            never.wait(20)

    now = [0.0]
    place = Hanging(refusals=0)
    pusher = Pusher(place, source.directory, source.directory.parent / "marks", clock=lambda: now[0])
    pusher.hint()
    assert place.done.wait(20)
    assert pusher.behind == ""
    now[0] += STUCK + 1
    assert "balky has held receipts" in pusher.behind
    source.add("3")
    pusher.hint()
    pusher.close(0.01)
    never.set()
