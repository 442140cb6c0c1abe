"""Runs one child process with a deadline and a bound on what is read from it. Called by `git_command` alone.

A process that has to be stopped is asked first, so that git removes its lock files, and its children with it.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from interlock.errors import HistoryError, RemoteUnreachable

MAX_ERRORS = 64 * 1024
_SHOWN_ERRORS = 12
_CHUNK = 1 << 16
_GRACE = 5.0
"""Seconds between asking a process to stop and forcing it."""
_LINGER = 0.25
"""Seconds for which a finished process's output is still read while a child that it left behind holds it open."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended: its exit status, what it printed, and the last lines that it printed as errors."""

    status: int
    output: bytes
    errors: str


@contextmanager
def start(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a session of its own, with unbuffered pipes, and end it, whatever happens.

    Raises:
        HistoryError: git is not installed.
    """
    try:
        process = subprocess.Popen(
            arguments,
            env=environment,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise HistoryError("git is not installed", remedy="install git 2.31 or later") from error
    try:
        yield process
    finally:
        _end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group is the process with its children, such as the one that speaks HTTP: the session is its own.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def run_bounded(
    arguments: Sequence[str], environment: Mapping[str, str], data: bytes, timeout: float, limit: int, *, what: str
) -> Finished:
    """Run a process to its end: `data` goes to its input, `timeout` is in seconds; `what` names it in errors.

    Raises:
        HistoryError: it could not be started, or printed more than `limit` bytes.
        RemoteUnreachable: it took longer than `timeout`.
    """
    with start(arguments, environment) as process:
        exchange = _Exchange(process, data, limit, timeout, what)
        exchange.run()
        return Finished(exchange.status(), bytes(exchange.output), _last_lines(bytes(exchange.errors)))


def printed_errors(process: subprocess.Popen[bytes]) -> str:
    """What a process has printed as errors so far, without waiting for more."""
    assert process.stderr
    ready, _, _ = select.select([process.stderr], [], [], 0)
    return _last_lines(os.read(process.stderr.fileno(), MAX_ERRORS)) if ready else ""


def _last_lines(errors: bytes) -> str:
    """The last lines without git's hints: git says there what stopped it, after anything that the remote has to say."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return "\n".join([line for line in lines if not line.startswith("hint:")][-_SHOWN_ERRORS:])


@dataclass
class _Exchange:
    """Feeding a process and reading what it prints, both at once, so that neither side waits for the other."""

    process: subprocess.Popen[bytes]
    data: bytes
    limit: int
    timeout: float
    what: str
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.timeout
        self._left = memoryview(self.data)

    def run(self) -> None:
        """Go on until the process has closed its output or has ended."""
        with selectors.DefaultSelector() as selector:
            for stream, kind in ((self.process.stdout, "out"), (self.process.stderr, "err")):
                assert stream
                selector.register(stream, selectors.EVENT_READ, kind)
            self._register_input(selector)
            while selector.get_map():
                if not (ready := selector.select(min(self._remaining(), _LINGER))) and self.process.poll() is not None:
                    return
                for key, _ in ready:
                    self._feed(selector) if key.data == "in" else self._read(selector, key)

    def status(self) -> int:
        """The exit status, within the same deadline."""
        try:
            return self.process.wait(self._remaining())
        except subprocess.TimeoutExpired as error:
            raise self._late() from error

    def _register_input(self, selector: selectors.BaseSelector) -> None:
        assert self.process.stdin
        if self.data:
            selector.register(self.process.stdin, selectors.EVENT_WRITE, "in")
        else:
            self.process.stdin.close()

    def _feed(self, selector: selectors.BaseSelector) -> None:
        assert self.process.stdin
        try:
            # No more than fits at once: a longer write would wait for the reader, past the deadline.
            self._left = self._left[os.write(self.process.stdin.fileno(), self._left[: select.PIPE_BUF]) :]
        except BrokenPipeError:
            self._left = memoryview(b"")  # it does not want the rest; its exit status says whether that is a failure
        if not self._left:
            selector.unregister(self.process.stdin)
            self.process.stdin.close()

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
        elif key.data == "err":
            self.errors += chunk
            del self.errors[:-MAX_ERRORS]
        elif len(self.output) + len(chunk) > self.limit:
            raise HistoryError(f"{self.what} printed more than {self.limit} bytes")
        else:
            self.output += chunk

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise self._late()
        return remaining

    def _late(self) -> RemoteUnreachable:
        return RemoteUnreachable(
            f"{self.what} did not finish within {self.timeout:g} seconds",
            remedy="check the network and the load of this machine, then try again",
        )
