"""The story that `interlock demo` tells: serve, promote with approvals, roll back under load, refuse what does not fit.

Every sentence that it prints is about something that has just happened on real parts; the figures are measured here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from interlock.demo.engine_process import start_engine
from interlock.demo.foreign_adapter import write_foreign_adapter, write_foreign_base
from interlock.demo.node import DemoNode, agent_running, make_node
from interlock.demo.people import APPROVERS, People, introduce_people
from interlock.demo.scratch import Scratch, make_scratch
from interlock.demo.told import Told
from interlock.demo.traffic import Load, ask, open_client
from interlock.documents.identifiers import RevisionId, ServedName
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.documents.layout import pointer_path
from interlock.errors import InterlockError, UsageError
from interlock.history.attestation_ref import REF
from interlock.sync.status import Commits

ENVIRONMENT = "production"
ADAPTER = "support-bot"
PROMPT = "Customer: I want my money back.\nAgent:"
FOREIGN_REVISION = "99"
SYNC_WITHIN = 120.0
LOAD_BEFORE = 1.0
Say = Callable[[str], None]


class DemonstrationFailed(InterlockError):
    """Something in the story did not happen as it should."""


def tell(repository: Path, root: Path, engine: str, say: Say) -> Told:
    """Play the whole story below `root` with an engine of kind `engine`; returns what happened.

    Raises:
        InterlockError: a step failed; the message names it and the log to read.
    """
    told = Told(engine, environment=ENVIRONMENT, adapter=ADAPTER, prompt=PROMPT)
    with ExitStack() as stack:
        story = _open(repository, root, engine, say, told, stack)
        story.ask_first()
        story.promote()
        story.roll_back()
        story.count()
        story.refuse()
    return told


def _open(repository: Path, root: Path, kind: str, say: Say, told: Told, stack: ExitStack) -> Story:
    say(f"1. A scratch clone with a real bare remote, in {root}")
    scratch = make_scratch(repository, root)
    snapshot = scratch.snapshot()
    environment = snapshot.environments[ENVIRONMENT].document
    base = snapshot.bases[environment.base.name, environment.base.revision].document
    if not base.source.uri:
        raise UsageError(f"base {base.name}@{base.revision} has no `source.uri`", expected="a base in this repository")
    people = introduce_people(scratch, ENVIRONMENT, ADAPTER, kind)
    told.signed = people.can_sign
    if not people.can_sign:
        say("   There is no ssh-keygen here, so nobody can sign: this node follows whatever is pushed. Install OpenSSH")
        say("   to see how a node waits for approvals.")
    node = make_node(scratch, kind, ENVIRONMENT, scratch.artifact_directory(base.source.uri), people.root)
    began = time.monotonic()
    engine = stack.enter_context(
        start_engine(
            kind,
            node.base_directory,
            routes=node.routes,
            admin_token=node.admin_token,
            limits=environment.engine,
            served_name=base.name,
            log=root / "engine.log",
        )
    )
    node.write(engine.url)
    say(f"   The {kind} engine is up after {time.monotonic() - began:.0f} s and serves the base {base.name}.")
    stack.enter_context(agent_running(node, root / "agent.log"))
    client = stack.enter_context(open_client(engine.url))
    load = Load(engine.url, ADAPTER, PROMPT)
    stack.callback(load.stop)
    return Story(scratch, people, node, base, client, load, say, told)


@dataclass
class Story:
    """The steps, in order. Each one says what it does and notes what came of it in `told`."""

    scratch: Scratch
    people: People
    node: DemoNode
    base: BaseRevision
    client: httpx.Client
    load: Load
    say: Say
    told: Told

    def ask_first(self) -> None:
        """Wait for the agent's first sync, then ask the alias."""
        commit = self.scratch.git("rev-parse", "HEAD")
        self._wait(lambda: self._commits().applied == commit, f"the agent applies {commit[:12]}")
        status = self.node.status()
        self.told.engine_version = status.engine if status else ""
        self._note("before", f"2. The agent synced commit {commit[:8]}. Asking the alias {ADAPTER}:")

    def promote(self) -> None:
        """Promote by commit, under load, and ask again."""
        self.load.start()
        time.sleep(LOAD_BEFORE)
        self.say(f"3. {self.load.workers} clients now ask without a pause. A developer promotes by commit:")
        self.say(f"   $ interlock promote {ADAPTER} --to {ENVIRONMENT} --commit")
        self._interlock("promote", ADAPTER, "--to", ENVIRONMENT, "--commit")
        checked = self._check()
        self.say(f"   $ interlock check            {checked['verdict']}, {checked['counts']['errors']} errors")
        target = self._active_served_name()
        if self.people.can_sign:
            self._push_without_approval()
            self.say(f"   {' and '.join(name.capitalize() for name in APPROVERS)} look at it and sign:")
            self.say("   $ interlock approve HEAD && git push origin refs/interlock/attestations")
            self._approve(*APPROVERS)
        self.told.promote_seconds = self._push_and_wait(target, REF if self.people.can_sign else "HEAD:main")
        after = "the approvals" if self.people.can_sign else "the push"
        self._note("promoted", f"   Served {self.told.promote_seconds:.2f} s after {after}. Asking again:")

    def _push_without_approval(self) -> None:
        """Push what nobody has approved yet; the node says so and stays."""
        self.say("   Alice pushes it to main before anybody has approved it, past every rule of a forge:")
        self.scratch.git("push", "--quiet", "origin", "HEAD:main")
        pushed = self.scratch.git("rev-parse", "HEAD")
        self._wait(lambda: bool(self._waits_for_approval(pushed)), f"the agent judges {pushed[:12]}")
        self.told.not_approved = self._waits_for_approval(pushed)
        self.say(f"   The node waits: {self.told.not_approved.partition(';')[0].partition(' (')[0]}.")

    def _waits_for_approval(self, commit: str) -> str:
        status = self.node.status()
        verified = status.condition("SourceVerified") if status else None
        waits = self._commits().attempted == commit and verified and verified.reason == "NotApproved"
        return verified.message if verified and waits else ""

    def _approve(self, *names: str) -> None:
        """Sign approvals of the last commit, all at once, as different people would."""
        command = [sys.executable, "-m", "interlock.cli.main", "approve", "HEAD", "--yes", "--key"]
        signing = [
            subprocess.Popen(
                [*command, str(self.people.key(name))],
                cwd=self.scratch.clone,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        for name, process in zip(names, signing, strict=True):
            _, errors = process.communicate(timeout=SYNC_WITHIN)
            if process.returncode:
                raise self._failed(f"{name} could not approve: {errors.strip()}")

    def roll_back(self) -> None:
        """Plain `git revert`, still under load."""
        time.sleep(LOAD_BEFORE)
        self.scratch.git("revert", "--no-edit", "HEAD")
        self.say("4. It is a mistake. Plain git brings the old revision back:")
        if self.people.can_sign:
            self.say("   $ git revert HEAD && git push        (going back needs one approval: Bob's)")
            self._approve(APPROVERS[0])
        else:
            self.say("   $ git revert HEAD && git push")
        what = ("HEAD:main", REF) if self.people.can_sign else ("HEAD:main",)
        self.told.rollback_seconds = self._push_and_wait(self._active_served_name(), *what)
        self._note("rolled_back", f"   Back {self.told.rollback_seconds:.2f} s after the push. Asking again:")

    def count(self) -> None:
        """End the load and count."""
        self.load.stop()
        self.told.requests = self.load.requests
        self.told.failed_requests = len(self.load.failures)
        self.told.failures = [f"HTTP {failure.status}: {failure.text}" for failure in self.load.failures[:5]]
        self.say(f"5. The clients stop. Of {self.load.requests} requests, {len(self.load.failures)} failed.")

    def refuse(self) -> None:
        """Try to promote an adapter of another base: the checker refuses, and so does the node."""
        self.say("6. Somebody tries to serve an adapter that was trained on another base:")
        before = self.scratch.git("rev-parse", "HEAD")
        self._write_foreign_pointer()
        self.say(f"   They register it, point {ENVIRONMENT} to it by hand, and ask the checker:")
        report = self._check()
        blocking = [finding for finding in report["findings"] if finding["severity"] == "error"]
        self.told.refused = sorted({finding["rule"] for finding in blocking})
        for finding in blocking[:2]:
            self.say(f"   refused: {finding['path']}:{finding['line']}: {finding['rule']}: {finding['found']}")
        self.say("   They push it anyway, around every check:")
        self.scratch.git("commit", "--quiet", "--all", "--message", "serve the adapter of another base")
        self.scratch.git("push", "--quiet", "origin", "HEAD:main")
        pushed = self.scratch.git("rev-parse", "HEAD")
        self._wait(
            lambda: self._commits().attempted == pushed and bool(self._stalled()), f"the agent judges {pushed[:12]}"
        )
        self.told.refused_by_node = self._stalled()
        answer = ask(self.client, ADAPTER, PROMPT)
        self.say(f"   The node stays on {before[:8]} and still answers:{answer.text}")
        if answer.text != self.told.answers.get("before"):
            raise self._failed(f"after the refused commit the alias answers {answer.text!r}")

    def _note(self, moment: str, sentence: str) -> None:
        answer = ask(self.client, ADAPTER, PROMPT)
        self.say(sentence)
        if answer.status != 200:
            raise self._failed(f"the alias answered HTTP {answer.status}: {answer.text}")
        question = PROMPT.splitlines()[0]
        self.say(f"   {question}  →{answer.text}   [{answer.revision}]")
        self.told.answers[moment] = answer.text
        self.told.revisions[moment] = answer.revision

    def _push_and_wait(self, target: str, *what: str) -> float:
        pushed = self.load.mark()
        self.scratch.git("push", "--quiet", "origin", *what)
        answered = self.load.wait_for(target, within=SYNC_WITHIN)
        if answered is None:
            raise self._failed(f"{target} did not answer within {SYNC_WITHIN:.0f} s of the push")
        return round(answered - pushed, 3)

    def _active_served_name(self) -> str:
        snapshot = self.scratch.snapshot()
        active = snapshot.pointers[ENVIRONMENT, ADAPTER].document.active
        revision = snapshot.revisions[RevisionId(ADAPTER, active)].document
        return str(ServedName.of(ADAPTER, active, revision.artifact.digest))

    def _write_foreign_pointer(self) -> None:
        # The manifests are honest, so that it is the binding to the base that is refused, and not a forgery.
        base, adapter = self.scratch.root / "another-base", self.scratch.root / "foreign-adapter"
        write_foreign_base(base, self.node.base_directory)
        write_foreign_adapter(adapter, self.base.config)
        self._interlock(
            "register", "base", str(base), "--name", base.name, "--revision", "1", "--license", "none", "--copy"
        )
        self._interlock(
            "register", "adapter", str(adapter), "--adapter", ADAPTER, "--revision", FOREIGN_REVISION,
            "--base", f"{base.name}@1", "--builder", "demo", "--copy",
        )  # fmt: skip
        pointer = self.scratch.clone / pointer_path(ENVIRONMENT, ADAPTER)
        active = self.scratch.snapshot().pointers[ENVIRONMENT, ADAPTER].document.active
        text = pointer.read_text(encoding="utf-8")
        pointer.write_text(text.replace(f'active: "{active}"', f'active: "{FOREIGN_REVISION}"'), encoding="utf-8")
        self.scratch.git("add", "--all")

    def _check(self) -> dict[str, Any]:
        finished = self._run("check", "--format", "json")
        report: dict[str, Any] = json.loads(finished.stdout)
        return report

    def _interlock(self, *words: str) -> None:
        finished = self._run(*words)
        if finished.returncode:
            raise self._failed(f"interlock {words[0]} failed: {finished.stderr.strip() or finished.stdout.strip()}")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "interlock.cli.main", *words]
        return subprocess.run(
            command, cwd=self.scratch.clone, capture_output=True, text=True, timeout=SYNC_WITHIN, check=False
        )

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SYNC_WITHIN
        while not holds():
            if time.monotonic() > deadline:
                status = self.node.status()
                state = status.condition("Ready").message if status else "the agent has not reported"
                raise self._failed(f"not within {SYNC_WITHIN:.0f} s: {what}; {state}")
            time.sleep(0.05)

    def _commits(self) -> Commits:
        status = self.node.status()
        return status.commits if status else Commits(None, None, None)

    def _stalled(self) -> str:
        status = self.node.status()
        stalled = status.condition("Stalled") if status else None
        return stalled.message if stalled and stalled.status == "True" else ""

    def _failed(self, what: str) -> DemonstrationFailed:
        return DemonstrationFailed(what, remedy=f"read {self.scratch.root}/agent.log and engine.log")
