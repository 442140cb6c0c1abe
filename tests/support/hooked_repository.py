"""A repository whose commits pass a real hook, with the `interlock` of this environment on the PATH.

hooked = HookedRepository.begin(tmp_path)
hooked.plain_hook("exec interlock check --staged")
assert hooked.commit("--message", "Promote").returncode == 0
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support.living_example import REPOSITORY
from support.repositories import Repository, git_repository

PROGRAMS = Path(sys.executable).parent
TIMEOUT = 60.0


@dataclass(frozen=True)
class HookedRepository:
    """`home` is where git and pre-commit keep what is theirs; nothing of this machine's settings counts."""

    repository: Repository
    home: Path

    @classmethod
    def begin(cls, directory: Path) -> HookedRepository:
        """A valid repository, everything committed, no hook yet."""
        (directory / "home").mkdir()
        return cls(git_repository(directory / "repository"), directory / "home")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the repository; what it prints comes back as one text."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
        identity = {f"GIT_{who}_{what}": f"test@{who}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        own = {"HOME": str(self.home), "PRE_COMMIT_HOME": str(self.home / "pre-commit"), "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            words,
            cwd=self.repository.root,
            env={**kept, **identity, **own, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def ok(self, *words: str) -> str:
        """Run a program that must succeed; return what it prints."""
        finished = self.run(*words)
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`git commit`, through whatever hook there is."""
        return self.run("git", "commit", "--quiet", "--message", "Propose", *arguments)

    def plain_hook(self, script: str) -> None:
        """Install a hook that is one line of shell."""
        hook = self.repository.root / ".git" / "hooks" / "pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    def pre_commit_hook(self, hook: str) -> None:
        """Use a hook of our `.pre-commit-hooks.yaml` as another repository does, through the real pre-commit."""
        hooks = self.home / "hooks"
        hooks.mkdir()
        shutil.copy(REPOSITORY / ".pre-commit-hooks.yaml", hooks)
        self.ok("git", "-C", str(hooks), "init", "--quiet")
        self.ok("git", "-C", str(hooks), "add", "--all")
        self.ok("git", "-C", str(hooks), "commit", "--quiet", "--message", "Hooks")
        commit = self.ok("git", "-C", str(hooks), "rev-parse", "HEAD").strip()
        self.repository.write(
            ".pre-commit-config.yaml", f"repos:\n  - repo: {hooks}\n    rev: {commit}\n    hooks: [{{id: {hook}}}]\n"
        )
        self.ok("git", "add", ".pre-commit-config.yaml")
        self.ok("git", "commit", "--quiet", "--message", "Use the hook")
        self.ok("pre-commit", "install")
