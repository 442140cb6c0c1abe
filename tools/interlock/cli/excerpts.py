"""The lines that a report quotes below a finding: read from the judged tree when the report is printed."""

from __future__ import annotations

from interlock.documents.tree import Tree
from interlock.documents.yaml_reader import MAX_DOCUMENT_BYTES
from interlock.errors import ArtifactError, DocumentError
from interlock.findings.judgement import Sources


def sources_of(tree: Tree) -> Sources:
    """Gives the text of a file of `tree`; "" for what cannot be shown (missing, too large, not text)."""

    def text(path: str) -> str:
        try:
            return tree.read(path, limit=MAX_DOCUMENT_BYTES).decode("utf-8")
        except (ArtifactError, DocumentError, UnicodeDecodeError):
            return ""  # the finding itself is printed anyway, without the quoted line

    return text
