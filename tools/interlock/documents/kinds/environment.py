"""An environment: which base and engine serve it, within which limits, and how promotions reach it."""

from typing import Literal

from pydantic import Field

from interlock.documents.fields import ClockTime, Count, Date, Document, Duration, Many, Name, Percent, Positive, Text
from interlock.documents.kinds.adapter_revision import BaseReference


class EngineLimits(Document):
    """The engine and the limits that it was started with; names are vLLM's flags."""

    kind: Literal["vllm", "embedded", "sglang", "lorax", "tgi", "nim", "dynamo"]
    version: Text = ">=0"
    max_loras: Positive = 1
    max_cpu_loras: Positive | None = None
    max_lora_rank: Positive = 16
    quantization: Name | None = None

    @property
    def cpu_slots(self) -> int:
        """How many adapters may be loaded at once; vLLM uses `max_loras` where it is not set."""
        return self.max_cpu_loras or self.max_loras


class Soak(Document):
    """How long and how much a revision must have served upstream."""

    duration: Duration
    requests: Count = 0


class Wave(Document):
    """A part of the nodes, and how long to watch it before the next part."""

    nodes: Many[Name] | None = None
    percent: Percent | None = None
    bake: Duration | None = None


class Rollout(Document):
    """The order in which nodes take a promotion."""

    waves: Many[Wave] = Field(min_length=1)


class ChangeWindow(Document):
    """When promotions are allowed; the timezone is an IANA name."""

    days: Many[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(min_length=1)
    from_: ClockTime = Field(alias="from")
    to: ClockTime
    timezone: Text


class Hold(Document):
    """Promotions of one adapter, or of all, are stopped until somebody takes the hold away or its last day is over."""

    reason: Text
    by: Name
    adapter: Name | None = None
    until: Date | None = None


class Environment(Document):
    """`environments/<name>/environment.yaml`."""

    kind: Literal["Environment"]
    name: Name
    upstream: Name | None = None
    protected: bool = False
    base: BaseReference
    engine: EngineLimits
    soak: Soak | None = None
    keep_previous: int = Field(default=1, ge=0, le=100)
    rollout: Rollout | None = None
    windows: Many[ChangeWindow] = ()
    holds: Many[Hold] = ()
