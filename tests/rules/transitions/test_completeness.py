"""What the records of revision and adapter hold before a protected environment serves it."""

from __future__ import annotations

from typing import Any

import pytest

from support.changes import Proposal
from support.repositories import REMOVED, environment, manifest, pointer

STAGING, BOT, ADAPTER = (
    pointer("staging", "support-bot"),
    manifest("support-bot", "3"),
    "adapters/support-bot/adapter.yaml",
)
EEAT = {
    "experience": "The support team answers these questions daily.",
    "expertise": "Reviewed by the head of support.",
    "authoritativeness": "Published by the shop itself.",
    "trustworthiness": "https://docs.example.com/checks",
}


def given(proposal: Proposal, path: str, *location: str | int, to: Any) -> None:
    proposal.repository.change(path, *location, to=to)
    proposal.merge()


def protect(proposal: Proposal) -> None:
    given(proposal, environment("staging"), "protected", to=True)


def promote(proposal: Proposal) -> None:
    proposal.repository.point("staging", "support-bot", active="3")


def test_a_complete_record_passes(proposal: Proposal) -> None:
    protect(proposal)
    promote(proposal)
    proposal.passes()


@pytest.mark.parametrize(
    ("location", "named"),
    [
        (("provenance", "recipe"), "a recipe"),
        (("provenance", "source"), "the commit of the training code"),
        (("provenance", "seeds"), "seeds"),
        (("datasets",), "datasets"),
    ],
)
def test_a_protected_environment_asks_how_a_revision_was_made(
    proposal: Proposal, location: tuple[str, ...], named: str
) -> None:
    given(proposal, BOT, *location, to=REMOVED)
    promote(proposal)
    proposal.passes()
    protect(proposal)
    promote(proposal)
    assert f"does not name {named} (" in proposal.refused("provenance-incomplete", STAGING, '"3"').found


def content(proposal: Proposal, eeat: Any, *, notes: Any = "adapters/support-bot/notes/3.md") -> None:
    proposal.repository.change(BOT, "eeat", to=eeat)
    proposal.repository.change(BOT, "release_notes", to=notes)
    given(proposal, ADAPTER, "risk", to={"tier": "low", "content": True})
    protect(proposal)
    promote(proposal)


def test_published_content_with_all_that_stands_behind_it_passes(proposal: Proposal) -> None:
    content(proposal, EEAT)
    proposal.passes()


@pytest.mark.parametrize("field", sorted(EEAT))
@pytest.mark.parametrize("blank", [REMOVED, " ", "\n"])
def test_any_blank_field_stops_published_content(proposal: Proposal, field: str, blank: Any) -> None:
    eeat = {key: value for key, value in (EEAT | {field: blank}).items() if value is not REMOVED}
    content(proposal, eeat)
    assert f"leaves eeat.{field} blank" in proposal.refused("content-notes-incomplete", STAGING, '"3"').found


def test_published_content_needs_release_notes(proposal: Proposal) -> None:
    content(proposal, EEAT, notes=REMOVED)
    assert "leaves release_notes blank" in proposal.refused("content-notes-incomplete", STAGING, '"3"').found


def test_published_content_without_anything_is_refused_once(proposal: Proposal) -> None:
    content(proposal, REMOVED)
    assert "and eeat.trustworthiness blank" in proposal.refused("content-notes-incomplete", STAGING, '"3"').found


def test_owners_of_the_template_are_nobody(proposal: Proposal) -> None:
    given(proposal, ADAPTER, "owners", "contact", to="your-team@example.com")
    promote(proposal)
    proposal.passes()
    protect(proposal)
    promote(proposal)
    assert "owners.contact" in proposal.refused("owner-not-filled-in", STAGING, '"3"').found


def test_a_rollback_asks_for_no_record(proposal: Proposal) -> None:
    promote(proposal)
    proposal.merge()
    given(proposal, manifest("support-bot", "2"), "provenance", "source", to=REMOVED)
    protect(proposal)
    proposal.repository.point("staging", "support-bot", active="2")
    proposal.passes()
