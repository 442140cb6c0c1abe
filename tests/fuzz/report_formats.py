"""Every format in which findings are reported, found by its name: `render_…` in `interlock.findings.report_…`.

A new format is fuzzed without a word here, unless it asks for an argument that no format before it asked for.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any
from xml.etree import ElementTree as ET

import interlock.findings
from interlock.checking.review.page import page_of
from interlock.documents.tree import Tree
from interlock.findings.judgement import Judgement, Sources
from interlock.findings.markdown_page import MAX_CHARACTERS, render_page
from interlock.rules.catalogue import catalogue
from support.forge import shown

_READ_BACK: dict[str, Callable[[str], Any]] = {
    "render_json": json.loads,
    "render_sarif": json.loads,
    "render_junit": ET.fromstring,
}
"""Formats for programs, and how a program reads them."""


def formats() -> dict[str, Callable[..., str]]:
    """Every renderer by its name."""
    found: dict[str, Callable[..., str]] = {}
    for module in pkgutil.iter_modules(interlock.findings.__path__, "interlock.findings."):
        if module.name.startswith("interlock.findings.report_"):
            functions = inspect.getmembers(import_module(module.name), inspect.isfunction)
            found |= {n: f for n, f in functions if n.startswith("render_") and f.__module__ == module.name}
    return found


def assert_reported(result: Judgement, sources: Sources) -> None:
    """Report in every format: none raises, programs can read theirs, and nothing but visible text is printed."""
    arguments: dict[str, Any] = {
        "result": result,
        "sources": sources,
        "color": False,
        "rules": catalogue().values(),
        "exit_status": 1,
        "version": "0",
        "token": "a" * 32,
    }
    for name, render in formats().items():
        text = render(**{argument: arguments[argument] for argument in inspect.signature(render).parameters})
        assert text
        allowed = {"\n", "\t"} if name in _READ_BACK else {"\n"}
        hidden = {char for char in text if not char.isprintable()} - allowed
        assert not hidden, f"{name} lets {hidden!r} through"
        if name in _READ_BACK:
            _READ_BACK[name](text)


def assert_paged(result: Judgement, tree: Tree) -> None:
    """Write the page for a reviewer: nothing in it can break out of it, and it is never too long."""
    text = render_page(page_of(result, tree, "interlock check"))
    assert len(text) <= MAX_CHARACTERS
    isolates = {"\u2068", "\u2069"}
    assert not {char for char in text if not char.isprintable()} - isolates - {"\n"}
    shown(text)
