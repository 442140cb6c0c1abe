"""Small files that survive: the old bytes or the new ones, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.errors import DocumentError

OLD, NEW = b"old" * 1000, b"new" * 2000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the old bytes."""
    path = tmp_path / "state" / "accepted.json"
    write_atomically(path, OLD)
    return path


def in_a_process(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_bytes_are_written_and_read_back(file: Path) -> None:
    write_atomically(file, NEW)
    assert read_bounded(file, limit=len(NEW)) == NEW
    assert [path.name for path in file.parent.iterdir()] == ["accepted.json"]


def test_what_root_writes_belongs_to_the_owner_of_the_directory(file: Path) -> None:
    if os.geteuid() == 0:
        os.chown(file.parent, 12345, 12346)
    write_atomically(file, NEW)
    found, wanted = file.stat(), file.parent.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (wanted.st_uid, wanted.st_gid, 0o600)


def test_missing_directories_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", NEW)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == NEW


def test_a_reader_never_sees_a_mixture(file: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            write_atomically(file, OLD)
            write_atomically(file, NEW)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {read_bounded(file, limit=1 << 20) for _ in range(300)} <= {OLD, NEW}
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new_bytes(file: Path, call: str) -> None:
    program = f"""
import os, pathlib, signal, sys
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
where = {{"write": os, "fsync": os, "replace": pathlib.Path}}[{call!r}]
if {call!r} == "write":
    real = os.fdopen
    def half(handle, mode):
        os.write(handle, b"half")
        die()
    os.fdopen = half
else:
    setattr(where, {call!r}, die)
from interlock.artifacts.durable import write_atomically
write_atomically(pathlib.Path(sys.argv[1]), b"new" * 2000)
"""
    assert in_a_process(program, str(file)).returncode == -signal.SIGKILL
    assert read_bounded(file, limit=1 << 20) == OLD
    write_atomically(file, NEW)
    assert read_bounded(file, limit=1 << 20) == NEW


def test_leftovers_of_a_killed_process_are_never_read(file: Path) -> None:
    (file.parent / ".accepted.json.abc123").write_bytes(b"half")
    (file.parent / ".accepted.json.").write_bytes(b"half")
    assert read_bounded(file, limit=1 << 20) == OLD
    write_atomically(file, NEW)
    assert read_bounded(file, limit=1 << 20) == NEW


def test_a_disk_that_refuses_the_write_leaves_the_old_bytes_and_nothing_else(file: Path) -> None:
    program = """
import pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from interlock.artifacts.durable import write_atomically
try:
    write_atomically(pathlib.Path(sys.argv[1]), b"new" * 2000)
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    finished = in_a_process(program, str(file))
    assert finished.stdout.startswith("OSError "), finished.stderr
    assert read_bounded(file, limit=1 << 20) == OLD
    assert [path.name for path in file.parent.iterdir()] == ["accepted.json"]


def test_an_interruption_leaves_nothing_beside_the_file(file: Path) -> None:
    program = """
import os, pathlib, sys
def interrupted(*_): raise KeyboardInterrupt
os.fsync = interrupted
from interlock.artifacts.durable import write_atomically
try:
    write_atomically(pathlib.Path(sys.argv[1]), b"new")
except KeyboardInterrupt:
    print("interrupted")
"""
    assert in_a_process(program, str(file)).stdout == "interrupted\n"
    assert [path.name for path in file.parent.iterdir()] == ["accepted.json"]


def test_a_directory_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file" / "below").mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory"):
        write_atomically(tmp_path / "file", NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_in_place_of_the_file_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", NEW)
    assert (tmp_path / "target").read_bytes() == OLD
    assert not (tmp_path / "link").is_symlink()


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_bounded(tmp_path / "nothing", limit=10) is None


def test_a_file_at_its_limit_is_read_and_one_above_it_refused(file: Path) -> None:
    assert read_bounded(file, limit=len(OLD)) == OLD
    with pytest.raises(DocumentError, match=f"has more than {len(OLD) - 1} bytes") as error:
        read_bounded(file, limit=len(OLD) - 1)
    assert str(file) in error.value.remedy


def test_an_endless_file_is_refused_after_its_limit() -> None:
    with pytest.raises(DocumentError, match="has more than 1000 bytes"):
        read_bounded(Path("/dev/zero"), limit=1000)


def test_what_cannot_be_read_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        read_bounded(tmp_path, limit=10)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(DocumentError, match="cannot be read"):
        read_bounded(loop, limit=10)
    (tmp_path / "file").touch()
    with pytest.raises(DocumentError, match="cannot be read: Not a directory"):
        read_bounded(tmp_path / "file" / "below", limit=10)


def test_the_new_bytes_are_on_disk_before_the_name_points_to_them(file: Path) -> None:
    program = """
import os, pathlib, sys
calls = []
fsync, replace = os.fsync, pathlib.Path.replace
def noted_fsync(handle):
    calls.append("directory" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"); fsync(handle)
def noted_replace(self, target):
    calls.append("rename"); return replace(self, target)
os.fsync, pathlib.Path.replace = noted_fsync, noted_replace
from interlock.artifacts.durable import write_atomically
write_atomically(pathlib.Path(sys.argv[1]), b"new")
print(*calls)
"""
    assert in_a_process(program, str(file)).stdout == "file rename directory\n"
    assert os.fspath(file)
