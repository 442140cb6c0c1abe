"""What evaluates expressions, as the rest of Interlock sees it. The only implementation is `google_cel.py`.

    engine = find_engine()                                     # None where the library is not installed
    expression = engine.compile('revision.artifact.size > 5', {"revision": AdapterRevision})
    expression.evaluate({"revision": engine.bind(document)})   # True or False, or NotEvaluated

Nothing else imports the library. Whatever is not exactly true or false raises: an error is never a pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from interlock.documents.fields import Document

INSTALL = 'in a clone of Interlock, run: pip install ".[rules]"'


class NotUnderstood(Exception):
    """An expression that cannot be judged by at all. `offset` is where in its text, -1 for the text as a whole."""

    def __init__(self, found: str, offset: int = -1) -> None:
        super().__init__(found)
        self.found = found
        self.offset = offset


class NotEvaluated(Exception):
    """An expression that has no answer for one subject; the message says why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A document as the engine reads it, and how large it is: the longest list (items) and text (characters)."""

    value: Any
    longest_list: int
    longest_text: int


class Expression(Protocol):
    """An expression that was understood."""

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """The variables that it reads, each with a field of it, or "" where it takes the whole document."""

    @property
    def names(self) -> frozenset[str]:
        """The variables that it reads."""

    def cost(self, data: Mapping[str, Bound]) -> int:
        """The most steps that an evaluation on this data may take; about 50 nanoseconds each."""

    def evaluate(self, data: Mapping[str, Bound]) -> bool:
        """The answer.

        Raises:
            NotEvaluated: there is none: a key that is not written, a division by zero, too many steps.
        """


class RuleEngine(Protocol):
    """A library that understands expressions."""

    def compile(self, text: str, variables: Mapping[str, type[Document]]) -> Expression:
        """Understand an expression over documents of these models.

        Raises:
            NotUnderstood: bad syntax, an unknown variable or field, a result that is not true or false, or a
                construct that cannot be bounded.
        """

    def bind(
        self,
        document: Document,
        fields: Collection[str] = ("",),
        computed: Mapping[tuple[str, ...], Any] | None = None,
    ) -> Bound:
        """Turn the fields of a document ("": all of them) into what expressions read.

        `computed` replaces computed values, for examples.
        """


def find_engine() -> RuleEngine | None:
    """The engine, or None where its library is not installed."""
    try:
        from interlock.rules.expressions.google_cel import GoogleCel
    except ImportError:
        return None
    return GoogleCel()
