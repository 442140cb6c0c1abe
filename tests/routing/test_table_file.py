from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from interlock.routing.table import Route, RouteTable
from interlock.routing.table_file import RouteTableFile
from interlock.routing.writer import RouteTableNotWritten, write_table
from support.route_tables import NEW, OLD, route_table


def active(file: RouteTableFile) -> str:
    table = file.current().table
    assert table is not None
    return table.routes["support-bot"].active


def test_a_written_table_is_in_use_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    first, second = RouteTableFile(path), RouteTableFile(path)
    for revision in (OLD, NEW, OLD, NEW):
        digest = write_table(path, route_table(revision))
        for file in (first, second):
            assert active(file) == revision
            assert file.current().digest == digest
            assert file.current().error == ""


def test_the_writer_leaves_one_readable_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "routes.json"
    write_table(path, route_table(OLD))
    write_table(path, route_table(NEW))
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644
    assert RouteTable.from_json(path.read_bytes()) == route_table(NEW)


def test_two_tables_written_within_one_tick_of_the_clock_differ_in_time(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    times = []
    for _ in range(50):
        write_table(path, route_table())
        times.append(path.stat().st_mtime_ns)
    assert times == sorted(set(times))


def test_a_table_from_the_future_does_not_hide_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    file = RouteTableFile(path)
    write_table(path, route_table(OLD))
    os.utime(path, ns=(2**62, 2**62))
    assert active(file) == OLD
    write_table(path, route_table(NEW))
    assert active(file) == NEW


def test_a_missing_table_is_reported_and_taken_when_it_comes(tmp_path: Path) -> None:
    file = RouteTableFile(tmp_path / "routes.json")
    state = file.current()
    assert (state.table, state.digest) == (None, "")
    assert state.error
    write_table(tmp_path / "routes.json", route_table())
    assert file.current().error == ""


def test_without_a_configured_path_the_reason_is_said() -> None:
    assert "INTERLOCK_ROUTES" in RouteTableFile(None).current().error


def test_a_broken_or_missing_table_keeps_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    file = RouteTableFile(path)
    digest = write_table(path, route_table(OLD))
    assert active(file) == OLD
    for break_it in (lambda: path.write_bytes(b'{"version": 1'), path.unlink, path.mkdir):
        break_it()
        state = file.current()
        assert active(file) == OLD
        assert state.digest == digest
        assert state.error
        assert str(tmp_path) not in state.error
    path.rmdir()
    write_table(path, route_table(NEW))
    assert active(file) == NEW
    assert file.current().error == ""


def test_the_public_error_names_no_adapter_and_the_detail_does(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    path.write_bytes(route_table().to_json().replace(b'"active": "support-bot@1', b'"active": "support-bot@7'))
    state = RouteTableFile(path).current()
    assert "support-bot" not in state.error
    assert "support-bot" in state.detail


def test_an_oversized_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    assert RouteTableFile(path).current().error == "the newest route table is not valid"


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_table(path, route_table())
    file = RouteTableFile(path)
    first = file.current().table
    os.utime(path, ns=(path.stat().st_atime_ns + 1, path.stat().st_mtime_ns))
    assert file.current().table is first


def test_a_reader_never_sees_half_a_table(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_table(path, route_table(OLD))
    done = threading.Event()
    errors: list[str] = []

    def read() -> None:
        file = RouteTableFile(path)
        while not done.is_set():
            errors.append(file.current().error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        write_table(path, route_table(OLD if number % 2 else NEW))
    done.set()
    reader.join()
    assert set(errors) == {""}


def test_a_link_to_the_table_is_followed_to_its_new_target(tmp_path: Path) -> None:
    write_table(tmp_path / "one.json", route_table(OLD))
    write_table(tmp_path / "two.json", route_table(NEW))
    link = tmp_path / "routes.json"
    link.symlink_to("one.json")
    file = RouteTableFile(link)
    assert active(file) == OLD
    fresh = tmp_path / "fresh"
    fresh.symlink_to("two.json")
    fresh.replace(link)
    assert active(file) == NEW


def test_the_writer_refuses_a_table_that_the_reader_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_table(path, route_table(OLD))
    dangling = RouteTable(environment="staging", routes={"support-bot": Route(OLD)})
    with pytest.raises(RouteTableNotWritten, match="not loaded"):
        write_table(path, dangling)
    assert RouteTable.from_json(path.read_bytes()) == route_table(OLD)


def test_a_directory_that_cannot_be_written_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RouteTableNotWritten, match="writable"):
        write_table(tmp_path / "file" / "routes.json", route_table())


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "routes.json").mkdir()
    with pytest.raises(RouteTableNotWritten):
        write_table(tmp_path / "routes.json", route_table())
    assert [entry.name for entry in tmp_path.iterdir()] == ["routes.json"]
