"""The driver of NVIDIA NIM: `open_engine("nim", …)`. Built from its documentation; never run here (docs/engines.md).

NIM reads adapters from the directory NIM_PEFT_SOURCE, one folder each, again every NIM_PEFT_REFRESH_INTERVAL seconds;
the folder's name is the model's. A load publishes the folder and waits until NIM lists it. Whether NIM drops an adapter
whose folder is gone is not documented for every release: an unload, which comes after the drain, withdraws the folder,
and from then on the name counts as gone whatever NIM lists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final, NoReturn

from pydantic import StrictStr

from interlock.engines.answers import Body, process_start, read
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import UNTOLD, Capabilities, EngineIdentity, Message
from interlock.engines.naming import is_served_name
from interlock.engines.openai_server import OpenAiServerDriver, other_engine, refuse_unloadable
from interlock.engines.published import adapters_directory
from interlock.errors import EngineMisbehaved, EngineRefused

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the list while a load waits."""


class _Release(Body):
    release: StrictStr


class NimDriver(OpenAiServerDriver):
    """NIM over HTTP and a directory."""

    kind: ClassVar[str] = "nim"
    capabilities: ClassVar[Capabilities] = Capabilities(
        tells_directories=False, tokenizes=False, templates=False, unloads=False, comes_back_loaded=True
    )

    def __init__(
        self,
        connection: EngineConnection,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises UsageError when the settings name no adapters directory."""
        super().__init__(connection)
        self._published = adapters_directory(connection.address.adapters_directory, self.kind)
        self._clock, self._pause = clock, pause

    def identity(self) -> EngineIdentity:
        """Ask `/v1/version` and `/v1/models`: what is neither an adapter's name nor has a parent is the base."""
        release, _ = self._version()
        bases = [model for model in self._models() if model.parent is None and not is_served_name(model.id)]
        if not bases:
            raise EngineMisbehaved("GET /v1/models lists no base", expected="a model that is no adapter")
        return EngineIdentity(self.kind, release, tuple(model.id for model in bases), bases[0].root or "")

    def process(self) -> str:
        """The start time of the process, from `/v1/metrics`."""
        return process_start(self._engine, "/v1/metrics")

    def adapters(self) -> Mapping[str, str]:
        """What NIM lists and is published; NIM does not say from where, and the name holds the digest."""
        published = self._published.names()
        return {model.id: UNTOLD for model in self._models() if model.id in published}

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Publish the directory and wait until NIM lists it, at most the time that a load may take."""
        refuse_unloadable(self, name, directory, lazy=lazy)
        self._published.publish(name, Path(directory))
        ends = self._clock() + self._connection.address.load_timeout_s
        while name not in self.adapters():
            if self._clock() >= ends:
                raise EngineRefused(
                    f"loading {name} from {directory}: NIM does not list it after"
                    f" {self._connection.address.load_timeout_s:g} s",
                    status=HTTPStatus.ACCEPTED,
                    expected="the folder to be found within NIM_PEFT_REFRESH_INTERVAL seconds",
                    remedy="set engine.timeout in the node's settings above that interval, compare NIM_PEFT_SOURCE with"
                    " engine.adapters_directory, and look into NIM's log",
                )
            self._pause(LOOK_EVERY)

    def unload(self, name: str) -> None:
        """Withdraw the folder of `name`."""
        if is_served_name(name):
            self._published.withdraw(name)

    def tokenize_text(self, text: str) -> list[int]:
        """Raises EngineRefused: only some releases have an address for it."""
        self._refuse_tokenizing()

    def tokenize_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Raises EngineRefused: only some releases have an address for it."""
        self._refuse_tokenizing()

    def _refuse_tokenizing(self) -> NoReturn:
        raise EngineRefused(
            "not every release of NIM has an address that tokenizes",
            status=HTTPStatus.NOT_IMPLEMENTED,
            expected="an engine with the capability `tokenizes`",
        )

    def _version(self) -> tuple[str, str]:
        answer = self._engine.get("/v1/version")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise other_engine("nothing at /v1/version its own", self.kind)
        return read(answer, _Release, "GET /v1/version", self.kind).release, ""
