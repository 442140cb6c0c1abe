"""How the embedded engine starts and how it says that it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.engine_processes import REPOSITORY
from support.telling_adapters import TellingModels

pytestmark = pytest.mark.xdist_group("embedded-engine")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the engine to its end."""
    return subprocess.run(
        [sys.executable, "-m", "interlock.engines.embedded", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "tools")},
        check=False,
    )


def test_a_directory_without_a_base_is_refused_with_what_to_do(tmp_path: Path) -> None:
    ended = run("--base", str(tmp_path))
    assert ended.returncode == 2
    assert f"the base in {tmp_path} cannot be loaded" in ended.stderr
    assert "Next: check --base" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_variable_that_is_not_set_is_refused(models: TellingModels) -> None:
    ended = run("--base", str(models.base.directory), "--api-key-env", "NO_SUCH_VARIABLE")
    assert ended.returncode == 2
    assert "NO_SUCH_VARIABLE, which is not set" in ended.stderr


def test_a_middleware_that_does_not_exist_is_refused(models: TellingModels) -> None:
    ended = run("--base", str(models.base.directory), "--middleware", "interlock.no_such_module.Middleware")
    assert ended.returncode == 2
    assert "cannot be imported" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_refused_before_the_base_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--base", "no-such-base", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 2
    assert "Address already in use" in ended.stderr
    assert "choose another --port" in ended.stderr
