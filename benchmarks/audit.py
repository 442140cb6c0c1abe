"""`interlock audit` over 10,000 commits, and `git log --raw` of the same branch in the same run.

Limit: 60 s. A hundred adapters go round and round: a record, dev, staging, production, and every fourth time production
back again. Every commit is signed with an SSH key; every change of production, which is protected, has an attestation.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.check.measure import Cost
from interlock.approvals.ssh_wire import string
from interlock.approvals.statements import ATTESTATION_NAMESPACE, Attestation
from interlock.checking.binding import policy_digest
from interlock.documents.public_keys import key_fingerprint
from interlock.documents.tree import WorkingTree
from interlock.evidence.dsse import IN_TOTO, envelope, pae
from interlock.history.attestation_ref import REF

COMMITS = 10_000
ADAPTERS = 100
LIMIT = 60.0
START = 1_600_000_000
EXAMPLE = Path(__file__).resolve().parents[1]
_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def measure(root: Path, commits: int = COMMITS) -> dict[str, object]:
    """Seconds and megabytes of the whole command, and how many times `git log --raw` that is."""
    branch = _Branch(root)
    branch.fill(commits)
    git = _cost(["git", "-C", str(root), "log", "--first-parent", "--raw", "--no-renames", "main"])
    program = str(Path(sys.executable).parent / "interlock")
    ours = _cost([program, "audit", "-C", str(root), "main", "--format", "json"])
    if ours.status:
        raise RuntimeError(
            f"the audit of the generated branch ended with status {ours.status}, and should find nothing"
        )
    return {
        "commits": commits,
        "seconds": round(ours.seconds, 2),
        "limit_seconds": LIMIT,
        "megabytes": round(ours.megabytes),
        "git_log_raw_seconds": round(git.seconds, 3),
        "ratio_to_git_log_raw": round(ours.seconds / git.seconds, 1),
    }


def _cost(command: list[str]) -> Cost:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_ENVIRONMENT) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(time.perf_counter() - started, used.ru_maxrss / 1024, process.returncode)


class _Key:
    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(b"ssh-ed25519") + string(raw)
        self.line = f"ssh-ed25519 {base64.b64encode(self.blob).decode()}"

    def signed(self, message: bytes, namespace: str) -> bytes:
        """A signature as `ssh-keygen -Y sign` makes it, without its armour."""
        named = string(namespace.encode()) + string(b"") + string(b"sha512")
        made = self.private.sign(b"SSHSIG" + named + string(hashlib.sha512(message).digest()))
        return b"SSHSIG\0\0\0\x01" + string(self.blob) + named + string(string(b"ssh-ed25519") + string(made))

    def armoured(self, message: bytes) -> str:
        """The signature of a commit, as git keeps it."""
        text = base64.b64encode(self.signed(message, "git")).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n ".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"])


class _Branch:
    """A bare repository that is written object by object: git alone would sign for minutes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.people = {name: _Key() for name in ("alice", "bob", "carol", "check-ci")}
        self.folders: dict[str, dict[str, tuple[str, bytes]]] = {"": {}}
        self.statements: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.commit, self.number, self.policies = "", 0, ""
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(root)], check=True)

    def fill(self, commits: int) -> None:
        """Write the whole history and its attestations."""
        files = dict(_files(self.people))
        self.policies = _policy_digest(files)
        self._commit(files)
        steps = _steps()
        while self.number < commits:
            path, data = next(steps)
            self._commit({path: data})
        self._run("update-ref", "refs/heads/main", self.commit)
        folders = [(name, ("40000", self._tree(entries))) for name, entries in self.statements.items()]
        top = self._tree(dict(folders))
        head = f"tree {top.hex()}\n" + "".join(f"{who} C <c@example.com> 0 +0000\n" for who in ("author", "committer"))
        self._run("update-ref", REF, self._object("commit", f"{head}\nAdd statements\n".encode()).hex())
        self._run("repack", "-adq")

    def _commit(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            self._put(path, self._object("blob", data))
        tree, parent = self.folders[""], self.commit
        root = self._tree(tree).hex()
        lines = [f"tree {root}", *([f"parent {parent}"] if parent else [])]
        moment = START + self.number * 3600
        lines += [f"{who} Carol <carol@example.com> {moment} +0000" for who in ("author", "committer")]
        headers, message = "\n".join(lines), f"\n\nChange {self.number}\n"
        signature = self.people["carol"].armoured((headers + message).encode())
        self.commit = self._object("commit", f"{headers}\ngpgsig {signature}{message}".encode()).hex()
        if parent and any(path.startswith("environments/production/") for path in files):
            self._attest(root, parent, dt.datetime.fromtimestamp(moment, dt.UTC))
        self.number += 1

    def _attest(self, tree: str, parent: str, moment: dt.datetime) -> None:
        payload = Attestation(
            target_ref="refs/heads/main", tree=tree, commit=self.commit, from_commit=parent, result="PASSED",
            policy_digest=self.policies, environments=("production",), quorum="2 of 2 approvals",
            verifier_version="0", time_verified=moment,
        ).to_bytes()  # fmt: skip
        key = self.people["check-ci"]
        signed = key.signed(pae(IN_TOTO, payload), ATTESTATION_NAMESPACE)
        data = envelope(payload, IN_TOTO, [(key_fingerprint(key.line), signed)])
        name = f"{hashlib.sha256(data).hexdigest()}.json"
        self.statements.setdefault(tree, {})[name] = ("100644", self._object("blob", data))

    def _put(self, path: str, blob: bytes) -> None:
        folder, _, name = path.rpartition("/")
        self.folders.setdefault(folder, {})[name] = ("100644", blob)
        while folder:
            above, _, name = folder.rpartition("/")
            self.folders.setdefault(above, {})[name] = ("40000", self._tree(self.folders[folder]))
            folder = above

    def _tree(self, entries: Mapping[str, tuple[str, bytes]]) -> bytes:
        ordered = sorted(entries.items(), key=lambda item: item[0] + ("/" if item[1][0] == "40000" else ""))
        return self._object("tree", b"".join(f"{mode} {name}\0".encode() + oid for name, (mode, oid) in ordered))

    def _object(self, kind: str, data: bytes) -> bytes:
        whole = f"{kind} {len(data)}\0".encode() + data
        identity = hashlib.sha1(whole, usedforsecurity=False)
        path = self.root / "objects" / identity.hexdigest()[:2] / identity.hexdigest()[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole, 1))
        return identity.digest()

    def _run(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, env=_ENVIRONMENT)


def _steps() -> Iterator[tuple[str, bytes]]:
    """One file a commit, for ever; every adapter waits for the hundred others, so that each soak is over."""
    revision = 0
    while True:
        revision += 1
        for number in range(ADAPTERS):
            yield f"adapters/a{number:03d}/revisions/{revision}.yaml", _manifest(f"a{number:03d}", revision)
        for environment in ("dev", "staging", "production"):
            for number in range(ADAPTERS):
                yield _pointer(environment, number, revision)
        if revision % 4 == 0:
            for number in range(ADAPTERS):
                yield _pointer("production", number, revision - 1)


def _pointer(environment: str, number: int, revision: int) -> tuple[str, bytes]:
    text = f'kind: Pointer\nadapter: a{number:03d}\nactive: "{revision}"\nresidency: lazy\n'
    return f"environments/{environment}/pointers/a{number:03d}.yaml", text.encode()


def _files(people: Mapping[str, _Key]) -> Iterator[tuple[str, bytes]]:
    for path in ("bases/tiny-llama/2026-11.yaml", "policies/production.yaml", "policies/revocations.yaml"):
        yield path, (EXAMPLE / path).read_bytes()
    roster = (EXAMPLE / "policies/roster.yaml").read_text()
    for name, key in people.items():
        roster = re.sub(rf"((?:login|name): {name}\b.*?keys: \[)\"[^\"]*\"", rf'\1"{key.line}"', roster)
    yield "policies/roster.yaml", roster.encode()
    for path in ("recipes/2.yaml", "notes/2.md"):
        yield f"adapters/a000/{path}", (EXAMPLE / "adapters/support-bot" / path).read_bytes()
    for environment in ("dev", "staging", "production"):
        text = (EXAMPLE / f"environments/{environment}/environment.yaml").read_text()
        yield f"environments/{environment}/environment.yaml", re.sub(r"windows: .*\n", "", text).encode()
    adapter = (EXAMPLE / "adapters/support-bot/adapter.yaml").read_text().replace("cadence: 90d", "cadence: 3650d")
    adapter = re.sub(r"last_reviewed: \S+}", "last_reviewed: 2020-09-01}", adapter).replace("tier: high", "tier: low")
    for number in range(ADAPTERS):
        yield f"adapters/a{number:03d}/adapter.yaml", adapter.replace("support-bot", f"a{number:03d}").encode()


def _manifest(name: str, revision: int) -> bytes:
    text = (EXAMPLE / "adapters/support-bot/revisions/2.yaml").read_text()
    text = text.replace("adapters/support-bot/", "adapters/a000/").replace(
        "adapter: support-bot\n", f"adapter: {name}\n"
    )
    text = text.replace('revision: "2"\n', f'revision: "{revision}"\n', 1)
    lineage = "{}" if revision == 1 else f'{{previous: "{revision - 1}", anchor: "1"}}'
    source = f"source: {{repository: https://git.example/train, commit: c{revision:039x}}}"
    return re.sub(r"lineage: \{.*\}", f"lineage: {lineage}", text).replace("  seeds:", f"  {source}\n  seeds:").encode()


def _policy_digest(files: Mapping[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as name:
        for path, data in files.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(data)
        return policy_digest(WorkingTree(Path(name)), ["production"])


def main() -> None:
    """Measure once and print the figures."""
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as root:
        commits = int(sys.argv[1]) if len(sys.argv) > 1 else COMMITS
        print(json.dumps(measure(Path(root) / "scratch", commits), indent=2))


if __name__ == "__main__":
    main()
