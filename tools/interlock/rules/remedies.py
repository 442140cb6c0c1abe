"""The commands that findings send people to, in one place so that they stay in step with the command line."""

from __future__ import annotations

import shlex

from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import AdapterRevision


def register_again(revision: AdapterRevision) -> str:
    """Make a new revision from the bytes: manifests are never edited after they were merged."""
    base = f"{revision.base.name}@{revision.base.revision}"
    return f"run: interlock register adapter DIRECTORY --adapter {revision.adapter} --revision NEW --base {base}"


def register_on_another_base(adapter: str) -> str:
    """Make a new revision that names the base it was really trained on."""
    return f"run: interlock register adapter DIRECTORY --adapter {adapter} --revision NEW --base NAME@REVISION"


def register_base(name: str, revision: str) -> str:
    """Describe a base from its bytes."""
    return f"run: interlock register base DIRECTORY --name {name} --revision {revision} --license LICENSE"


def inspect(revision: RevisionId) -> str:
    """Show what the bytes of a revision really hold."""
    return f"run: interlock inspect {revision}"


def promote_another(revision: RevisionId, environment: str) -> str:
    """Serve another revision of the same adapter."""
    return f"run: interlock promote {revision.adapter} REVISION --to {environment}"


def go_back(revision: RevisionId, environment: str) -> str:
    """Serve what was served before."""
    return f"run: interlock rollback {revision.adapter} --env {environment}"


def restore(path: str, commit: str) -> str:
    """Bring a file or a folder back as it was merged; a path from a proposal may be any text, so it is quoted."""
    return f"run: git checkout {commit[:12]} -- {shlex.quote(path)}"
