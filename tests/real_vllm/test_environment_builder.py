"""The builder of the environment works once, notices changes, and leaves nothing behind that looks finished.

Real `venv` and `pip`, on a small checkout whose packages are made by a build backend in the checkout itself, so
nothing is downloaded.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.engine_processes import REPOSITORY

pytestmark = pytest.mark.vllm

BUILDER = REPOSITORY / "tools" / "build_vllm_environment.py"
STAMP = "built-from.sha256"

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

BACKEND = """
import pathlib, zipfile

NAME = {name!r}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    stem = NAME + "-1.0"
    files = {{
        NAME + "_module.py": "",
        stem + ".dist-info/METADATA": "Metadata-Version: 2.1\\nName: " + NAME + "\\nVersion: 1.0\\n",
        stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[stem + ".dist-info/RECORD"] = "".join(name + ",,\\n" for name in files)
    with zipfile.ZipFile(pathlib.Path(wheel_directory, stem + "-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return stem + "-py3-none-any.whl"

build_editable = build_wheel
"""


def write_package(directory: Path, name: str) -> None:
    """A package that builds itself without anything else."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(PYPROJECT)
    (directory / "backend.py").write_text(BACKEND.format(name=name))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the files that the builder reads."""
    root = tmp_path / "checkout"
    write_package(root, "interlock")
    write_package(root / "packaging" / "vllm-metadata", "vllm")
    for name in ("torch", "engine"):
        write_package(root / name, name)
    (root / "requirements-torch.lock").write_text(f"{root}/torch\n")
    (root / "requirements-vllm.lock").write_text(f"{root}/engine\n")
    return root


def run_builder(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the builder on a checkout."""
    command = [sys.executable, str(BUILDER), "--repository", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_finished_environment_is_left_alone_and_a_changed_lock_builds_a_new_one(checkout: Path) -> None:
    environment = checkout / ".venv-vllm"
    assert run_builder(checkout, "--check").returncode == 1
    first = run_builder(checkout)
    assert first.returncode == 0, first.stderr
    for module in ("interlock", "vllm", "torch", "engine"):
        assert list(environment.glob(f"lib/python3*/site-packages/{module}_module.py")), module
    (environment / "mark").touch()
    again = run_builder(checkout)
    assert (again.returncode, again.stdout) == (0, "")
    assert (environment / "mark").exists()
    with (checkout / "requirements-vllm.lock").open("a") as lock:
        lock.write("# changed\n")
    assert run_builder(checkout, "--check").returncode == 1
    assert run_builder(checkout).returncode == 0
    assert not (environment / "mark").exists()


def test_a_failed_build_leaves_nothing_and_says_what_to_do(checkout: Path) -> None:
    environment = checkout / ".venv-vllm"
    environment.mkdir()
    (environment / STAMP).write_text("of an older build")
    (checkout / "requirements-torch.lock").write_text(f"{checkout}/torch-that-is-not-there\n")
    failed = run_builder(checkout)
    assert failed.returncode == 1
    assert "torch-that-is-not-there" in failed.stderr
    assert "Next: let pip find a CPU build of torch: set PIP_FIND_LINKS" in failed.stderr
    assert not environment.exists()
    assert run_builder(checkout, "--check").returncode == 1
