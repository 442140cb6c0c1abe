"""Changes of which a reviewer sees the page, and the pages that the tests compare: `tests/checking/pages/<name>.md`.

To write them again after a page changed on purpose, and the sample in docs/checking.md with them:

    PYTHONPATH=tests .venv/bin/python -m support.review_pages tests/checking/pages docs/checking.md
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from interlock.checking.checker import check_tree
from interlock.checking.evidence_reading import read_evidence
from interlock.checking.review.origins import revisions_told
from interlock.checking.review.page import change_page, page_of
from interlock.documents.tree import WorkingTree
from interlock.findings.markdown_page import Page, render_page
from support.changes import NOON, Proposal
from support.repositories import artifact, environment, manifest, pointer

COMMAND = "interlock check --base main --head proposal"
POLICY = {
    "kind": "Policy",
    "environments": ["production"],
    "approvals": {
        "count": 2,
        "roles": {"validator": 1, "operator": 1},
        "distinct": ["trainer", "evaluator", "author", "approver"],
    },
    "evidence": {"low": ["test-result", "offline-eval"], "max_age": "30d"},
    "gates": [{"suite": "core", "test": "paired-non-inferiority", "against": ["previous"], "margin": 0.03}],
    "rollback": {"approvals": 1, "skip": ["soak", "evidence", "windows"]},
}
CAROL = {"login": "carol", "id": 1003, "emails": ["carol@example.com"], "roles": ["operator"]}
_HEX = re.compile(r"[0-9a-f]{12,64}")


def begin(root: Path) -> Proposal:
    """A repository whose production asks for approvals, evidence and a day in staging; a day later."""
    proposal = Proposal.begin(root)
    repository = proposal.repository
    repository.change(environment("production"), "soak", to={"duration": "24h", "requests": 1000})
    repository.write("policies/production.yaml", json.dumps(POLICY))
    people = repository.read("policies/roster.yaml")["people"]
    repository.change("policies/roster.yaml", "people", to=[*people, CAROL])
    repository.write("docs/bias/support-bot.md", "Fair to speakers of every language.\n")
    dataset = {"name": "tickets", "digest": f"sha256:{'5' * 64}", "license": "cc-by-4.0", "expires": "2027-01-31"}
    repository.change(manifest("support-bot", "2"), "datasets", to=[dataset | {"window": "2026-07-01/2026-09-30"}])
    bias = {"assessment": "docs/bias/support-bot.md", "verdict": "acceptable"}
    repository.change(manifest("support-bot", "2"), "risk", to={"bias": bias})
    repository.write("adapters/support-bot/evidence/2/core.json", _statement(repository.read, "test-result"))
    repository.git("checkout", "--quiet", "main")
    proposal.merge("Ask for more")
    proposal.wait(hours=26)
    return proposal


def _statement(read: Callable[[str], Mapping[str, object]], kind: str) -> str:
    found = read(manifest("support-bot", "2"))["artifact"]
    assert isinstance(found, dict)
    subject = {"name": "support-bot", "digest": {"sha256": found["digest"].removeprefix("sha256:")}}
    predicate_type = f"https://in-toto.io/attestation/{kind}/v0.1"
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": predicate_type}
    return json.dumps(statement | {"predicate": {"result": "PASSED"}}, indent=2)


def promotion(proposal: Proposal) -> Page:
    """A revision that served in staging comes to production."""
    proposal.repository.point("production", "support-bot", active="2")
    return page(proposal)


def blocked_promotion(proposal: Proposal) -> Page:
    """A revision of too high a rank, which never served in staging."""
    proposal.repository.replace_adapter("support-bot", "3", rank=64)
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="3")
    return page(proposal)


def rollback(proposal: Proposal) -> Page:
    """Production goes back to what it served before."""
    proposal.repository.point("production", "support-bot", active="2")
    proposal.merge()
    proposal.wait(hours=3)
    proposal.repository.point("production", "support-bot", active="1")
    return page(proposal)


def new_revision(proposal: Proposal) -> Page:
    """A revision is registered: its manifest, its bytes and its notes are new."""
    repository = proposal.repository
    for path in (manifest("support-bot", "3"), artifact("support-bot", "3"), pointer("dev", "support-bot")):
        repository.git("rm", "-r", "--quiet", "--", path)
    proposal.merge("As if it had never been there")
    repository.git("checkout", "--quiet", "HEAD~1", "--", manifest("support-bot", "3"), artifact("support-bot", "3"))
    return page(proposal)


def policy_change(proposal: Proposal) -> Page:
    """Production asks for one approval less."""
    proposal.repository.change("policies/production.yaml", "approvals", "count", to=1)
    return page(proposal)


def canary_step(proposal: Proposal) -> Page:
    """A canary takes its second step."""
    canary = {"revision": "2", "weight": 5, "steps": [5, 25, 50], "tenants": ["acme-internal"]}
    proposal.repository.point("production", "support-bot", canary=canary)
    proposal.merge()
    proposal.wait(hours=1)
    proposal.repository.point("production", "support-bot", canary=canary | {"weight": 25}, residency="lazy")
    return page(proposal)


def unknown_bytes(proposal: Proposal) -> Page:
    """A revision whose bytes this machine cannot reach."""
    proposal.repository.change(manifest("support-bot", "2"), "artifact", "uri", to="s3://elsewhere/bot")
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    return page(proposal)


def removal(proposal: Proposal) -> Page:
    """An adapter is taken out of service."""
    proposal.repository.remove(pointer("production", "sql-helper"))
    return page(proposal)


def environment_change(proposal: Proposal) -> Page:
    """An engine becomes too small for what it serves."""
    proposal.repository.change(environment("dev"), "engine", "max_loras", to=1)
    return page(proposal)


def tree(proposal: Proposal) -> Page:
    """The files as they lie there, one of them too small an engine."""
    proposal.repository.change(environment("dev"), "engine", "max_loras", to=1)
    lying = WorkingTree(proposal.repository.root)
    return page_of(check_tree(lying, today=NOON.date()), lying, "interlock check")


def page(proposal: Proposal) -> Page:
    """The page about what lies there as a change of `main`."""
    result = proposal.check()
    proposal.repository.git("checkout", "--quiet", "proposal")
    evidence = read_evidence(WorkingTree(proposal.repository.root), revisions_told(result.change))
    proposal.repository.git("checkout", "--quiet", "main")
    return change_page(result, evidence, COMMAND)


CHANGES: Mapping[str, Callable[[Proposal], Page]] = {
    "promotion": promotion,
    "blocked-promotion": blocked_promotion,
    "rollback": rollback,
    "new-revision": new_revision,
    "policy-change": policy_change,
    "canary-step": canary_step,
    "unknown-bytes": unknown_bytes,
    "removal": removal,
    "environment-change": environment_change,
    "tree": tree,
}


def written(name: str, root: Path) -> str:
    """The page of one of the changes, played in the empty folder `root`; digests and commits are zeros."""
    return without_digests(_played(name, root)).replace(str(root), "REPOSITORY")


def without_digests(text: str) -> str:
    """A page with zeros for digests and commits: they change whenever the repository of the tests does."""
    return _HEX.sub(lambda found: "0" * len(found[0]), text)


def _played(name: str, root: Path) -> str:
    return render_page(CHANGES[name](begin(root)))


def _write_sample(document: Path, root: Path) -> None:
    """Put the beginning of a page into a document, as it is printed."""
    beginning, _, _ = _played("promotion", root).partition("### On which base")
    before, fence, rest = document.read_text(encoding="utf-8").partition("````markdown\n")
    _, end, after = rest.partition("````\n")
    document.write_text(f"{before}{fence}{beginning.rstrip()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for wanted in CHANGES:
            (Path(sys.argv[1]) / f"{wanted}.md").write_text(written(wanted, Path(scratch) / wanted), encoding="utf-8")
        _write_sample(Path(sys.argv[2]), Path(scratch) / "sample")
