"""The wrapper around git: bounded in time and in bytes, deaf to the caller's environment, and clean behind itself."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from interlock.errors import HistoryError, RemoteUnreachable
from interlock.history.bounded_process import run_bounded, start
from interlock.history.git_command import Git, personal_environment, unattended_environment
from support.git_remotes import Published

PROGRAM = [sys.executable, "-c"]


@pytest.fixture
def git(published: Published) -> Git:
    """Git in a developer's clone."""
    return Git(published.work.root)


def run(program: str, *, data: bytes = b"", timeout: float = 20.0, limit: int = 1 << 20) -> tuple[int, bytes, str]:
    finished = run_bounded([*PROGRAM, program], os.environ, data, timeout, limit, what="the program")
    return finished.status, finished.output, finished.errors


def test_output_status_and_errors_come_back() -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run(program) == (3, b"out\n", "err")


def test_input_and_output_larger_than_any_pipe_do_not_block_each_other() -> None:
    data = os.urandom(1 << 20)
    program = "import sys\nwhile chunk := sys.stdin.buffer.read(1000): sys.stdout.buffer.write(chunk)"
    assert run(program, data=data, limit=1 << 20) == (0, data, "")


def test_a_process_that_does_not_want_its_input_is_judged_by_its_status() -> None:
    assert run("import sys; sys.stdin.close(); sys.exit(5)", data=b"x" * (1 << 20))[0] == 5


def test_a_process_that_never_reads_its_input_is_stopped_at_the_deadline() -> None:
    begin = time.monotonic()
    with pytest.raises(RemoteUnreachable, match=r"did not finish within 0\.5 seconds"):
        run("import time; time.sleep(60)", data=b"x" * (1 << 20), timeout=0.5)
    assert time.monotonic() - begin < 15


def test_a_process_that_closes_its_output_and_stays_is_stopped_at_the_deadline() -> None:
    program = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    with pytest.raises(RemoteUnreachable, match="did not finish"):
        run(program, timeout=0.5)


def test_a_process_that_trickles_for_ever_is_stopped_at_the_deadline() -> None:
    program = "import time\nwhile True: print('.', flush=True); time.sleep(0.05)"
    with pytest.raises(RemoteUnreachable, match="did not finish"):
        run(program, timeout=0.5)


def test_output_beyond_its_bound_stops_the_process() -> None:
    with pytest.raises(HistoryError, match="printed more than 1000 bytes"):
        run("while True: print('x' * 100)", limit=1000)


def test_output_that_just_fits_is_taken() -> None:
    assert len(run("print('x' * 999)", limit=1000)[1]) == 1000


def test_of_endless_errors_only_the_last_lines_are_kept() -> None:
    program = "import sys\nfor n in range(200_000): print(n, file=sys.stderr)\nprint('fatal: here', file=sys.stderr)"
    errors = run(program)[2].splitlines()
    assert errors[-2:] == ["199999", "fatal: here"]
    assert len(errors) == 12


def test_a_child_that_outlives_its_process_does_not_hold_us_up() -> None:
    program = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    begin = time.monotonic()
    status, output, _ = run(program)
    assert time.monotonic() - begin < 15
    assert status == 0
    os.kill(int(output), signal.SIGKILL)


def test_leaving_a_pipe_ends_the_process_and_its_children() -> None:
    program = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    with start([*PROGRAM, program], os.environ) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
    gone, _ = psutil.wait_procs([child], timeout=5)
    assert gone
    assert process.returncode == -signal.SIGTERM


def test_a_process_that_ignores_the_request_to_stop_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.history.bounded_process._GRACE", 0.2)
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with start([*PROGRAM, program], os.environ) as process:
        assert process.stdout
        process.stdout.readline()
    assert process.returncode == -signal.SIGKILL


def test_a_machine_without_git_is_told_to_install_it(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(published.work.root))
    with pytest.raises(HistoryError, match="git is not installed") as error:
        Git(published.work.root).run("status")
    assert "install git" in error.value.remedy


def test_a_failure_says_which_command_where_and_why(git: Git) -> None:
    with pytest.raises(HistoryError, match=f"git cat-file failed in {git.directory}: fatal: Not a valid object name"):
        git.run("cat-file", "blob", "nothing")


def test_the_timeout_of_a_command_is_that_of_its_git(published: Published) -> None:
    slow = Git(published.work.root, local_timeout=0.3)
    with pytest.raises(RemoteUnreachable, match=r"git cat-file did not finish within 0\.3 seconds"):
        slow.run("cat-file", "--batch", data=b"HEAD\n" * 1_000_000, limit=1 << 40)


def test_variables_of_the_caller_are_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_NO_REPLACE_OBJECTS", "GIT_GRAFT_FILE"}
    kept |= {"GIT_TERMINAL_PROMPT", "GIT_OPTIONAL_LOCKS", "GIT_ALLOW_PROTOCOL", "GIT_SSH_COMMAND"}
    for name in ("GIT_DIR", "GIT_TRACE", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_COUNT", "GIT_PROXY_COMMAND", "GIT_ASKPASS"):
        monkeypatch.setenv(name, "evil")
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    monkeypatch.setenv("SSH_ASKPASS", "evil")
    environment = unattended_environment({}, "https")
    assert {name for name in environment if name.startswith("GIT_")} == kept
    assert "evil" not in environment.values()
    assert environment["HOME"] == os.environ["HOME"]


def test_secrets_travel_in_the_environment_only() -> None:
    environment = unattended_environment({"http.extraHeader": "Authorization: x", "http.followRedirects": "false"}, "")
    assert environment["GIT_CONFIG_COUNT"] == "2"
    assert environment["GIT_CONFIG_KEY_0"] == "http.extraHeader"
    assert environment["GIT_CONFIG_VALUE_1"] == "false"
    git = Git(Path("/"), {"http.extraHeader": "Authorization: x"})
    assert "Authorization" not in f"{git!r} {git.arguments('fetch')}"


def test_a_person_commits_with_their_own_settings_but_not_in_another_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Alice")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_COMMON_DIR", "/elsewhere")
    environment = personal_environment()
    assert environment["GIT_AUTHOR_NAME"] == "Alice"
    assert "GIT_DIR" not in environment
    assert "GIT_COMMON_DIR" not in environment


def test_hooks_of_the_repository_do_not_run(published: Published) -> None:
    hook = published.work.root / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n", encoding="ascii")
    hook.chmod(0o755)
    Git(published.work.root).run("update-ref", "refs/interlock/test", "HEAD")
    assert not (published.work.root / "ran").exists()


def test_no_process_is_left_behind(git: Git) -> None:
    git.run("status")
    with pytest.raises(HistoryError), git.pipe("cat-file", "--batch"):
        raise HistoryError("something went wrong meanwhile")
    assert psutil.Process().children(recursive=True) == []
