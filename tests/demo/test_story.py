"""`interlock demo` on the embedded engine: the whole story, as a user runs it, and every figure it promises."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.serving_node import committed_copy


@pytest.mark.parametrize("engine", ["embedded", pytest.param("vllm", marks=pytest.mark.vllm)])
def test_the_demonstration_keeps_every_promise(tmp_path: Path, engine: str) -> None:
    repository = committed_copy(tmp_path / "repository")
    command = [sys.executable, "-m", "interlock.cli.main", "demo", "--json", "--engine", engine]
    finished = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=420, check=False)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["engine"] == engine
    assert told["broken_promises"] == []
    assert told["signed"]
    assert "not approved" in told["not_approved"]
    assert told["answers"] == {
        "before": " Refunds take ten days.",
        "promoted": " Refund granted. Sorry for the trouble.",
        "rolled_back": " Refunds take ten days.",
    }
    assert told["failed_requests"] == 0
    assert told["requests"] > 50
    assert "base-mismatch" in told["refused"]
    assert "base-mismatch" in told["refused_by_node"]


def test_the_demonstration_says_what_it_leaves_out_on_a_machine_without_openssh(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "env", "sh", "bash", "nice"):
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    repository = committed_copy(tmp_path / "repository")
    command = [sys.executable, "-m", "interlock.cli.main", "demo"]
    environment = {**os.environ, "PATH": str(programs)}
    finished = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=420, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "There is no ssh-keygen here" in finished.stdout
    assert "s after the push. Asking again:" in finished.stdout
    assert "approve" not in finished.stdout.replace("approvals", "")


def test_the_demonstration_says_where_it_can_be_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "interlock.cli.main", "demo"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 2
    assert "is not a git repository" in finished.stderr
    assert "next:" in finished.stderr.lower()
