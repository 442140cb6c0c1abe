"""A machine on which a Python package is not installed: importing it fails as it would there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_packages(*names: str) -> Iterator[None]:
    """Make these packages, and the modules of ours that import them, impossible to import for a while."""
    hidden = [*names, *([_NEEDS_THEM] if names else [])]
    saved = {module: sys.modules.pop(module) for module in list(sys.modules) if _is_hidden(module, hidden)}
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]  # Python then raises ModuleNotFoundError
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(saved)


_NEEDS_THEM = "interlock.rules.expressions.google_cel"


def _is_hidden(module: str, names: list[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)
