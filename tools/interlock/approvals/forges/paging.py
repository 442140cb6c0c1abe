"""Reads a list of several pages to its end, and says so where it may have moved meanwhile.

Called by the readers. The next page is asked for by us: of the link that a forge gives only the query is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from interlock.approvals.forges.answers import json_of
from interlock.approvals.forges.connection import Answer
from interlock.approvals.forges.http import ForgeHttp
from interlock.errors import ForgeMisbehaved

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of a list, each once. `why` says what may be missing ("": nothing), `moved` that it changed."""

    entries: tuple[Mapping[str, Any], ...]
    why: str = ""
    moved: bool = False


def linked_pages(
    http: ForgeHttp, path: str, query: Mapping[str, str] | None = None, *, counts_hidden: bool = False
) -> Listing:
    """A list whose pages name the next one in a `Link` header (GitHub, GitLab).

    `counts_hidden` says that the count of the forge includes entries that the token may not see.

    Raises:
        ForgeError: as `ForgeHttp.get`; a list that leads in a circle is misbehaviour.
    """
    asked = {"per_page": str(PAGE_SIZE), **(query or {})}
    pages: list[list[Mapping[str, Any]]] = []
    totals, seen = set(), set()
    while True:
        key = tuple(sorted(asked.items()))
        if key in seen:
            raise ForgeMisbehaved(f"{http.where(path)}: the pages lead in a circle", expected="a list that ends")
        seen.add(key)
        answer = http.get(path, asked)
        pages.append(_page(http, path, answer))
        totals.add(answer.headers.get("x-total", ""))
        following = _next_query(answer)
        if following is None:
            return _listing(pages, totals, counts_hidden=counts_hidden)
        if len(pages) == MAX_PAGES:
            return Listing(_flat(pages), f"the list has more than {MAX_PAGES} pages")
        asked = {**asked, **following}


def numbered_pages(http: ForgeHttp, path: str, *, page_size: int = 50) -> Listing:
    """A list whose pages are asked for by number until one is empty (Forgejo, Gitea).

    The forge counts entries that it does not show, so an empty page before the counted end is not the last one yet.

    Raises:
        ForgeError: as `ForgeHttp.get`.
    """
    pages: list[list[Mapping[str, Any]]] = []
    totals, longest = set(), 1
    while len(pages) < MAX_PAGES:
        answer = http.get(path, {"page": str(len(pages) + 1), "limit": str(page_size)})
        page = _page(http, path, answer)
        if page and page in pages:
            raise ForgeMisbehaved(f"{http.where(path)}: the same page came twice", expected="a list that ends")
        pages.append(page)
        longest = max(longest, len(page))
        totals.add(answer.headers.get("x-total-count", ""))
        if not page and len(pages) * longest >= _number(answer.headers.get("x-total-count", "")):
            return _listing(pages, totals, counts_hidden=True)
    return Listing(_flat(pages), f"the list has more than {MAX_PAGES} pages")


def _page(http: ForgeHttp, path: str, answer: Answer) -> list[Mapping[str, Any]]:
    document = json_of(answer, http.where(path))
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise ForgeMisbehaved(f"{http.where(path)}: the answer is no list of objects", expected="a page of a list")
    if len(document) > 10 * PAGE_SIZE:
        raise ForgeMisbehaved(f"{http.where(path)}: a page has {len(document)} entries", expected=f"{PAGE_SIZE}")
    return document


def _next_query(answer: Answer) -> dict[str, str] | None:
    match = _NEXT.search(answer.headers.get("link", ""))
    try:
        return dict(parse_qsl(urlsplit(match[1]).query, max_num_fields=50)) if match else None
    except ValueError:
        raise ForgeMisbehaved("the link to the next page cannot be read", expected="a URL") from None


def _listing(pages: list[list[Mapping[str, Any]]], totals: set[str], *, counts_hidden: bool = False) -> Listing:
    """Entries that stand on two pages, or a count that changes, say that the list moved while it was read."""
    entries = _flat(pages)
    count = sum(map(len, pages))
    expected = _number(next(iter(totals))) if len(totals) == 1 and totals != {""} else count
    if len(entries) != count or len(totals) > 1 or (len(entries) != expected and not counts_hidden):
        return Listing(entries, "the list changed while it was read", moved=True)
    if len(entries) > expected:
        return Listing(entries, "the list is longer than the forge says", moved=True)
    return Listing(entries)


def _flat(pages: list[list[Mapping[str, Any]]]) -> tuple[Mapping[str, Any], ...]:
    """Every entry once, by its id where it has one, at its first place."""
    found: dict[Any, Mapping[str, Any]] = {}
    for number, entry in enumerate(entry for page in pages for entry in page):
        identity = entry.get("id")
        key = identity if isinstance(identity, int) else ("no id", number)
        found.setdefault(key, entry)
    return tuple(found.values())


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
