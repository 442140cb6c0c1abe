"""The workflows of this repository as values, and what a runner would make of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from support.living_example import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
TIMEOUT = 120.0


@dataclass(frozen=True)
class Workflow:
    """One file. `triggers` are the names of the events."""

    name: str
    value: Mapping[str, Any]

    @property
    def triggers(self) -> set[str]:
        """The events that start it."""
        on = self.value["on"]
        return {on} if isinstance(on, str) else set(on)

    @property
    def jobs(self) -> Mapping[str, Mapping[str, Any]]:
        """Every job by its id."""
        jobs: Mapping[str, Mapping[str, Any]] = self.value["jobs"]
        return jobs

    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every step with the id of its job."""
        for job_id, job in self.jobs.items():
            for step in job["steps"]:
                yield job_id, step

    def script(self, step_name: str) -> str:
        """What the step of this name runs."""
        (found,) = [step["run"] for _, step in self.steps() if step.get("name") == step_name]
        return str(found)


def read_yaml_text(text: str) -> Any:
    """A YAML document as plain values, by YAML 1.2 (`on` is text)."""
    return YAML(typ="safe", pure=True).load(text)


def workflow(name: str) -> Workflow:
    """One workflow of this repository."""
    return Workflow(name, read_yaml_text((FOLDER / name).read_text(encoding="utf-8")))


def workflows() -> list[Workflow]:
    """All of them."""
    return [workflow(path.name) for path in sorted(FOLDER.iterdir())]


def run_script(script: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as the runner does (`bash -e`), with this environment first on the PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=directory,
        env={**kept, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
