"""Receipts with anything in them: exactly what a node wrote, or refused with a sentence; never a traceback."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.damage import damaged
from fuzz.mutation import mutated
from fuzz.reading import assert_worded
from interlock.documents.canonical_json import canonical_json
from interlock.errors import EvidenceError
from interlock.receipts.chains import Found, chains_of
from interlock.receipts.node_keys import NodeKeys
from interlock.receipts.receipt import EngineSeen, Receipt, read_line, routes_digest, to_line
from interlock.receipts.served_at import Asked, served_at
from support.receipts import COMMIT, ENVIRONMENT, NODE, share, witnessed

NOW = dt.datetime(2026, 11, 25, 9, 30, tzinfo=dt.UTC)
ROUTES = dict(witnessed(bot="1", canaries={"bot": share("bot", "2", 12.5, ("acme",))}).routes)
RECEIPT = Receipt(
    node=NODE,
    environment=ENVIRONMENT,
    chain="0" * 32,
    sequence=0,
    previous=None,
    run="1" * 16,
    event="began",
    time=NOW,
    elapsed=0,
    commit=COMMIT,
    table="2" * 64,
    complete=True,
    routes=ROUTES,
    routes_digest=routes_digest(ROUTES),
    engine=EngineSeen(kind="vllm", version="1", base="tiny", process="7"),
    serving="yes",
)
LINE = to_line(RECEIPT, "")[:-1]
KEYS = NodeKeys.of(None, NOW.date())


def read_or_refused(data: bytes) -> None:
    """A line is read back to its own bytes, and whatever it says is put in order and asked; or there is a sentence."""
    try:
        line = read_line(data)
    except EvidenceError as error:
        assert_worded(error.found, error.expected)
        return
    assert to_line(line.receipt, line.signature) == data + b"\n"
    for chain in chains_of([Found(line, "here"), Found(read_line(LINE), "there")], KEYS, NOW):
        served_at(chain, Asked("bot", NOW, "acme"))


def test_the_line_that_is_damaged_below_is_read() -> None:
    assert read_line(LINE).receipt == RECEIPT


@cases(400, damaged(st.just(LINE)))
def test_a_damaged_line_is_read_in_its_own_words_or_refused(data: bytes) -> None:
    for part in io.BytesIO(data):
        read_or_refused(part.removesuffix(b"\n"))


@cases(400, mutated(st.just(json.loads(LINE))))
def test_a_receipt_of_another_shape_is_read_in_its_own_words_or_refused(document: Any) -> None:
    try:
        data = canonical_json(document)
    except (ValueError, TypeError):
        data = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str).encode()
    read_or_refused(data)
