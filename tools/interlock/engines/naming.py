"""How a request to an engine names an adapter: not every engine takes the served name as it is. Pure.

Used by the drivers, and by the gateway, which applies it at the edge to what the routing middleware decided. Every form
keeps adapter, revision and digest, so two served names never become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from interlock.documents.identifiers import InvalidIdentifier, ServedName
from interlock.errors import UsageError


@dataclass(frozen=True, slots=True)
class Naming:
    """What stands before a served name, and what stands in the place of its `@`."""

    before: str = ""
    at: str = "@"

    @classmethod
    def with_base(cls, base: str) -> Self:
        """`BASE:ADAPTER` (SGLang)."""
        return cls(f"{base}:")

    @classmethod
    def below(cls, directory: Path) -> Self:
        """The path of the adapter's published directory (LoRAX)."""
        return cls(f"{directory}/")

    def of(self, model: str) -> str:
        """The engine's name of a served name; every other model (a base) stays as it is."""
        return self.before + model.replace("@", self.at) if is_served_name(model) else model


SLASHED = Naming(at="/")
"""TGI takes what follows an `@` in LORA_ADAPTERS for a revision, so its ids have a slash there."""


def is_served_name(model: str) -> bool:
    """Whether `model` is adapter, revision and digest, as Interlock makes names."""
    try:
        ServedName.parse(model)
    except InvalidIdentifier:
        return False
    return True


def naming_of(kind: str, *, base: str = "", directory: Path | None = None) -> Naming:
    """How an engine of `kind` is asked: `base` is SGLang's served model name, `directory` LoRAX's adapters directory.

    Raises:
        UsageError: what this kind needs is missing.
    """
    match kind:
        case "sglang" if base:
            return Naming.with_base(base)
        case "lorax" if directory and directory.is_absolute():
            return Naming.below(directory)
        case "tgi":
            return SLASHED
        case "sglang":
            raise UsageError(
                "the name of the base is missing; SGLang answers an adapter without it as the base",
                expected="the served model name that SGLang was started with",
            )
        case "lorax":
            raise UsageError("LoRAX is asked for adapters by path", expected="the absolute path of their directory")
    return Naming()
