"""Which adapters are loaded, and who uses them right now. Called by server.py and completions.py on the event loop.

An adapter is registered under a name, read once (at the load, or at the first request when it is lazy) and detached
when it is unloaded and its last request has ended. Loads, unloads and first reads happen one at a time under an async
lock; requests for adapters that are in memory never wait for it. Refuses more than `max_cpu_loras` names: nothing is
evicted behind an operator's back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from interlock.engines.embedded.adapter_files import read_adapter
from interlock.engines.embedded.batching import ModelThread
from interlock.engines.embedded.generation import LanguageModel
from interlock.engines.embedded.metrics import Metrics
from interlock.engines.embedded.refusals import Refusal, invalid_input, not_found
from interlock.engines.embedded.settings import EngineSettings


@dataclass(eq=False, slots=True)
class _Adapter:
    """A registered adapter: `handle` is its name in the model ("" before it is read), `users` its running requests."""

    name: str
    directory: str
    handle: str = ""
    users: int = 0
    unloaded: bool = False
    reading: asyncio.Task[None] | None = None


class Lease:
    """One request's hold on an adapter, from `Adapters.acquire` to `release`."""

    def __init__(self, adapter: _Adapter, released: Callable[[_Adapter], None]) -> None:
        self._adapter = adapter
        self._released = released
        self._held = True
        adapter.users += 1

    @property
    def handle(self) -> str:
        """The adapter's name in the model."""
        return self._adapter.handle

    def release(self) -> None:
        """Let go; more than once is no more than once."""
        if self._held:
            self._held = False
            self._adapter.users -= 1
            self._released(self._adapter)


class Adapters:
    """The adapters of one engine."""

    def __init__(self, model: LanguageModel, thread: ModelThread, settings: EngineSettings, metrics: Metrics) -> None:
        self._model = model
        self._thread = thread
        self._settings = settings
        self._metrics = metrics
        self._by_name: dict[str, _Adapter] = {}
        self._changes = asyncio.Lock()
        self._handles = 0

    @property
    def directories(self) -> Mapping[str, str]:
        """Registered adapters: name → directory, in the order of their loads."""
        return {name: adapter.directory for name, adapter in self._by_name.items()}

    @property
    def resident(self) -> int:
        """How many registered adapters are in memory."""
        return sum(1 for adapter in self._by_name.values() if adapter.handle)

    async def load(self, name: str, directory: str, *, lazy: bool) -> None:
        """Register an adapter; unless `lazy`, return when it is in memory.

        Raises:
            Refusal: the name is taken, there is no room, or the adapter cannot be served. Nothing has changed then.
        """
        async with self._changes:
            self._refuse_name(name)
            adapter = _Adapter(name, directory)
            if not lazy:
                await self._read(adapter)
            self._by_name[name] = adapter

    async def unload(self, name: str) -> None:
        """Forget an adapter: running requests finish, new ones find no such model. Raises Refusal (404)."""
        async with self._changes:
            adapter = self._by_name.pop(name, None)
            if adapter is None:
                raise not_found(f"The lora adapter '{name}' cannot be found.")
            adapter.unloaded = True
            self._detach_unused(adapter)

    async def acquire(self, name: str) -> Lease:
        """Keep an adapter in memory for one request, reading it first when it is lazy; the lease must be released.

        Raises:
            Refusal: there is no such adapter, or it cannot be read.
        """
        adapter = self._by_name.get(name)
        if adapter is None:
            raise not_found(f"The model `{name}` does not exist.", param="model")
        lease = Lease(adapter, self._detach_unused)
        try:
            if not adapter.handle:
                await self._wait_for_first_read(adapter)
        except BaseException:
            lease.release()
            raise
        return lease

    async def _wait_for_first_read(self, adapter: _Adapter) -> None:
        """All requests that arrive meanwhile share one read and its outcome; one that goes away does not stop it."""
        if adapter.reading is None:
            adapter.reading = asyncio.create_task(self._first_read(adapter))
        await asyncio.shield(adapter.reading)

    async def _first_read(self, adapter: _Adapter) -> None:
        try:
            async with self._changes:
                await self._read(adapter)
        finally:
            adapter.reading = None
            self._detach_unused(adapter)

    async def _read(self, adapter: _Adapter) -> None:
        try:
            content = await asyncio.to_thread(
                read_adapter,
                adapter.name,
                adapter.directory,
                modules=self._model.modules,
                max_rank=self._settings.max_lora_rank,
            )
            self._handles += 1
            handle = f"adapter{self._handles}"
            await asyncio.wrap_future(self._thread.call(lambda: self._model.attach(handle, content)))
        except Refusal:
            self._metrics.load_ended("failed")
            raise
        adapter.handle = handle
        self._metrics.load_ended("loaded")

    def _detach_unused(self, adapter: _Adapter) -> None:
        """The last one out turns off the light. The call runs after rows that were cancelled have left the batch."""
        if adapter.unloaded and adapter.users == 0 and adapter.handle:
            handle, adapter.handle = adapter.handle, ""
            self._thread.call(lambda: self._model.detach(handle))

    def _refuse_name(self, name: str) -> None:
        if name in self._settings.served_names:
            raise invalid_input(f"The lora adapter '{name}' conflicts with a served base model.")
        if name in self._by_name:
            raise invalid_input(f"The lora adapter '{name}' has already been loaded.")
        if len(self._by_name) >= self._settings.max_cpu_loras:
            raise invalid_input(
                f"{len(self._by_name)} adapters are loaded, which is the limit --max-cpu-loras; unload one first."
            )
