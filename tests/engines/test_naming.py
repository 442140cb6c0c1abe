"""How each kind of engine is asked for an adapter: one name for one revision, and bases as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.documents.identifiers import InvalidIdentifier, ServedName
from interlock.engines.naming import SLASHED, Naming, is_served_name, naming_of
from interlock.errors import UsageError

SERVED = "support-bot@7-1f3a9c2b4d5e"
NAMES = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?@[a-z0-9]([a-z0-9.-]{0,6}[a-z0-9])?-[0-9a-f]{12}", fullmatch=True
)


@pytest.mark.parametrize(
    ("naming", "named"),
    [
        (naming_of("vllm"), SERVED),
        (naming_of("nim"), SERVED),
        (naming_of("sglang", base="llama-8b"), f"llama-8b:{SERVED}"),
        (naming_of("lorax", directory=Path("/adapters")), f"/adapters/{SERVED}"),
        (naming_of("tgi"), "support-bot/7-1f3a9c2b4d5e"),
    ],
)
def test_a_revision_has_one_name_on_each_kind_of_engine(naming: Naming, named: str) -> None:
    assert naming.of(SERVED) == named


@pytest.mark.parametrize("base", ["llama-8b", "org/llama-8b", "/models/llama-8b", "tgi", "", "a@b"])
def test_what_is_no_revision_stays_as_it_is(base: str) -> None:
    assert Naming.with_base("tiny").of(base) == base
    assert not is_served_name(base)


@given(first=NAMES, second=NAMES)
def test_two_revisions_never_get_one_name(first: str, second: str) -> None:
    for name in (first, second):
        try:
            ServedName.parse(name)
        except InvalidIdentifier:
            return
    for naming in (SLASHED, Naming.with_base("tiny"), Naming.below(Path("/a"))):
        assert (naming.of(first) == naming.of(second)) is (first == second)


@pytest.mark.parametrize(("kind", "why"), [("sglang", "name of the base"), ("lorax", "by path")])
def test_what_a_kind_needs_and_lacks_is_refused(kind: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        naming_of(kind, directory=Path("relative"))
