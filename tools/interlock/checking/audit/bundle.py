"""A bundle for an auditor: the report and everything that it was made from, in one file that needs no repository.

Called by `interlock audit --bundle`. An uncompressed tar with fixed members in fixed order and no times, so that the
same history, judged on the same day, gives the same bytes. `bundle_checking` reads it.

    report.json       the whole audit
    commits.batch     every first-parent commit as git stores it, in the format of `git cat-file --batch`
    statements.jsonl  every statement about their trees: tree, name, data (base64)
    documents.jsonl   every version of what lay below policies/: commit, path, blob, data (base64)
    manifest.json     sizes and SHA-256 of these
    manifest.sig      with a key: a signature over manifest.json as `ssh-keygen -Y sign -n interlock-audit` makes it
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.approvals import sshsig
from interlock.artifacts.durable import write_atomically
from interlock.checking.audit.outcome import Audit
from interlock.checking.audit.report import audit_document
from interlock.history.attestation_ref import MAX_FILE
from interlock.history.blob_reading import ObjectReader
from interlock.history.first_parent_log import first_parent_log
from interlock.history.git_command import Git
from interlock.history.statement_index import statement_index

SCHEMA = "interlock-audit-bundle/1"
NAMESPACE = "interlock-audit"
CONTENT = ("report.json", "commits.batch", "statements.jsonl", "documents.jsonl")
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_AT_ONCE = 1000
_MAX_DOCUMENT = 1 << 20


def write_bundle(git: Git, audit: Audit, file: Path, key: Path | None) -> str:
    """Write the bundle of a whole audit, signed where a key is given; returns the SHA-256 of its manifest.

    Raises:
        HistoryError: git cannot read what belongs into it.
        SigningFailed: the key does not sign.
    """
    objects = ObjectReader(git)
    try:
        members = dict(_members(git, objects, audit))
    finally:
        objects.close()
    manifest = manifest_of(audit.head, members)
    members[MANIFEST] = manifest
    if key:
        members[SIGNATURE] = sshsig.sign(manifest, NAMESPACE, key).encode("ascii")
    write_atomically(file, tar_of(members))
    return hashlib.sha256(manifest).hexdigest()


def manifest_of(head: str, members: Mapping[str, bytes]) -> bytes:
    """What is signed: the head of the branch, and size and SHA-256 of every member."""
    files = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()}
    return _json({"schema": SCHEMA, "head": head, "files": files})


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """An archive that depends on names and bytes alone."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return output.getvalue()


def _members(git: Git, objects: ObjectReader, audit: Audit) -> Iterator[tuple[str, bytes]]:
    report, commits, statements, documents = CONTENT
    yield report, _json(audit_document(audit, audit.commits))
    names = [commit.commit for commit in audit.commits]
    yield commits, b"".join(_raw(git, names[at : at + _AT_ONCE]) for at in range(0, len(names), _AT_ONCE))
    yield statements, _lines(_statements(git, objects, audit))
    yield documents, _lines(_documents(git, objects, audit.head))


def _raw(git: Git, commits: list[str]) -> bytes:
    return git.run("cat-file", "--batch", data="".join(f"{commit}\n" for commit in commits).encode("ascii"))


def _statements(git: Git, objects: ObjectReader, audit: Audit) -> Iterator[dict[str, Any]]:
    index = statement_index(git)
    for tree in sorted({commit.tree for commit in audit.commits} & index.folders.keys()):
        blobs = index.folders[tree]
        found = objects.read_several([blob for blob in blobs.values() if blob], limit=MAX_FILE)
        for name in sorted(name for name, blob in blobs.items() if blob in found):
            yield {"tree": tree, "name": name, "data": base64.b64encode(found[blobs[name]]).decode("ascii")}


def _documents(git: Git, objects: ObjectReader, head: str) -> Iterator[dict[str, Any]]:
    for commit in first_parent_log(git, head, "policies"):
        for change in commit.changes:
            blob = change.after.identity if change.after else None
            data = objects.read(blob, change.path, limit=_MAX_DOCUMENT) if blob else b""
            text = base64.b64encode(data).decode("ascii") if blob else None
            yield {"commit": commit.commit, "path": change.path, "blob": blob, "data": text}


def _lines(entries: Iterator[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(entry, sort_keys=True).encode("ascii") + b"\n" for entry in entries)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii") + b"\n"
