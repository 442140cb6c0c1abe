"""How a judged pointer change is shown: refused with its findings, or done, with what to run next.

Called by the commands promote and rollback.
"""

from __future__ import annotations

import shlex
from typing import Any

from interlock.cli.findings_report import Refusal, finding_documents, tell_refusal, tell_warnings
from interlock.cli.terminal import say, warn
from interlock.lifecycle.judged_change import JudgedChange
from interlock.lifecycle.pointer_edit import PointerEdit


def change_document(schema: str, edit: PointerEdit, judged: JudgedChange, **more: Any) -> dict[str, Any]:
    """What `--json` prints of a pointer change; `schema` names the shape and its version."""
    return {
        "schema": schema,
        "done": not judged.refusals,
        "adapter": edit.adapter,
        "environment": edit.environment,
        "path": edit.path,
        "previous": edit.previous,
        "active": edit.after.active,
        "notes": list(edit.notes),
        "refused": sorted({finding.rule for finding in judged.refusals}),
        "findings": finding_documents(judged.refusals),
        "warnings": finding_documents(judged.warnings),
        "elsewhere": finding_documents(judged.elsewhere),
        **more,
    }


def tell_refused_change(edit: PointerEdit, judged: JudgedChange, what: str) -> None:
    """Print why a change was refused."""
    result = judged.result
    refusal = Refusal(judged.refusals, result.label, edit.environment, result.documents, result.checked)
    tell_refusal(refusal, judged.tree, what)


def tell_doubts(edit: PointerEdit, judged: JudgedChange) -> None:
    """Print what a person should know of a change that was not refused."""
    for note in edit.notes:
        say(f"  note: {note}")
    tell_warnings(judged.warnings)
    if judged.elsewhere:
        warn(
            f"warning: the repository has {len(judged.elsewhere)} other blocking finding(s), which this change did not "
            "bring about; nodes follow no commit until they are gone\n  Next: run: interlock check"
        )


def commit_commands(edit: PointerEdit, message: str) -> list[str]:
    """The commands with which a person commits exactly this file."""
    add = [f"git add -- {edit.path}"] if edit.before is None else []
    return [*add, f"git commit -m {shlex.quote(message)} -- {edit.path}", "git push"]
