"""Checks a bundle without any repository: that nothing in it was changed, and that its parts belong together.

Called by `interlock audit --verify-bundle`. What it shows: the members are those of the manifest, somebody's key signed
the manifest, the commits are the chain of first parents that the report is about, each signed by the key that the
report names, and statements and policies are the bytes that their ids promise. What it does not show: that the verdicts
in the report are right. For that, run the audit on a clone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from interlock.approvals import sshsig
from interlock.checking.audit.bundle import CONTENT, MANIFEST, NAMESPACE, SCHEMA, SIGNATURE
from interlock.checking.audit.commit_records import made_by
from interlock.errors import EvidenceError, SignatureInvalid
from interlock.history.commit_objects import SignedCommit, take_apart

MAX_MEMBER = 512 << 20
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class CheckedBundle:
    """What is wrong with a bundle, each in a sentence; `signer` is the key that signed it, "" where none did."""

    head: str
    commits: int
    signer: str
    flaws: tuple[str, ...]


def check_bundle(file: Path) -> CheckedBundle:
    """Check a bundle.

    Raises:
        EvidenceError: it is no bundle that can be read.
        OSError: the file cannot be read.
    """
    members = _members(file)
    manifest = _object(members.get(MANIFEST, b""), MANIFEST)
    report = _object(members.get(CONTENT[0], b""), CONTENT[0])
    if manifest.get("schema") != SCHEMA:
        _refuse(f"a bundle of the schema {str(manifest.get('schema'))[:60]!r}")
    signer, unsigned = _signer(members)
    try:
        commits = list(_commits(members[CONTENT[1]]))
        flaws = [*unsigned, *_of_manifest(manifest, members), *_of_commits(report, commits)]
        flaws += [*_of_statements(members[CONTENT[2]]), *_of_documents(members[CONTENT[3]])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(f"a bundle whose members are not as they should be: {error}") from error
    return CheckedBundle(str(manifest.get("head")), len(commits), signer, tuple(flaws[:_MOST_TOLD]))


def _members(file: Path) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(file, mode="r:") as archive:
            for member in archive:
                if member.name not in (*CONTENT, MANIFEST, SIGNATURE) or member.name in found or not member.isreg():
                    _refuse(f"an archive with the member {member.name[:80]!r}, which does not belong there")
                if member.size > MAX_MEMBER:
                    _refuse(f"{member.name} has {member.size} bytes")
                stream = archive.extractfile(member)
                found[member.name] = stream.read() if stream else b""
    except (tarfile.TarError, EOFError) as error:
        raise EvidenceError(
            f"{file} is no archive: {error}", expected="what interlock audit --bundle writes"
        ) from error
    return found


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        _refuse(f"{name} is missing, or no JSON object")
    return document


def _signer(members: Mapping[str, bytes]) -> tuple[str, list[str]]:
    if SIGNATURE not in members:
        return "", []
    try:
        armour = members[SIGNATURE].decode("ascii", errors="replace")
        return sshsig.verify(members[MANIFEST], armour, NAMESPACE).fingerprint, []
    except SignatureInvalid as error:
        return "", [f"its signature is not valid: {error.found}"]


def _of_manifest(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> Iterator[str]:
    files = manifest["files"]
    if set(files) != set(CONTENT):
        yield "its manifest names other members than a bundle has"
    for name in CONTENT:
        data = members[name]
        if files.get(name) != {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}:
            yield f"{name} is not what the manifest says"


def _commits(data: bytes) -> Iterator[tuple[SignedCommit, bool]]:
    """The commits, and whether each has the bytes that its id promises."""
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, kind, size = data[at:end].decode("ascii").split(" ")
        raw = data[end + 1 : end + 1 + int(size)]
        whole = b"commit %d\0" % len(raw) + raw
        yield take_apart(name, raw), kind == "commit" and hashlib.sha1(whole, usedforsecurity=False).hexdigest() == name
        at = end + 2 + int(size)


def _of_commits(report: Mapping[str, Any], commits: list[tuple[SignedCommit, bool]]) -> Iterator[str]:
    told = report["commits"]
    if [one["commit"] for one in told] != [commit.commit for commit, _ in commits]:
        yield "the report is about other commits than are here"
        return
    before: str | None = None
    for (commit, good), one in zip(commits, told, strict=True):
        if not good:
            yield f"commit {commit.commit} has other bytes than its id promises"
        if commit.first_parent != before or commit.tree != one["tree"]:
            yield f"commit {commit.commit} does not follow the one before it, or has another tree than is reported"
        key = one["activated_by"]["key"]
        if key and not key.startswith("openpgp:") and made_by(commit).fingerprint != key:
            yield f"commit {commit.commit} is not signed by the key that the report names"
        before = commit.commit
    if before != report["head"]:
        yield "the last commit is not the head of the report"


def _of_statements(data: bytes) -> Iterator[str]:
    for entry in map(json.loads, data.splitlines()):
        if hashlib.sha256(_decoded(entry["data"])).hexdigest() != entry["name"].removesuffix(".json"):
            yield f"the statement {entry['name'][:80]} is not what its name promises"


def _of_documents(data: bytes) -> Iterator[str]:
    for entry in map(json.loads, data.splitlines()):
        if entry["blob"] is None:
            continue
        content = _decoded(entry["data"])
        whole = b"blob %d\0" % len(content) + content
        if hashlib.sha1(whole, usedforsecurity=False).hexdigest() != entry["blob"]:
            yield f"{entry['path'][:200]} of {entry['commit'][:12]} is not what its id promises"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a member holds text that is not base64") from error


def _refuse(found: str) -> NoReturn:
    raise EvidenceError(found, expected="a bundle as interlock audit --bundle writes it", remedy="ask for it again")
