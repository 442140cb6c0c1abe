"""One engine as the contract suite sees it: a real process with the middleware inside, or a simulator behind a gateway.

with simulated_engine("sglang", models, tmp_path) as engine:
    driver = open_engine(engine.kind, engine.address())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import httpx
from starlette.applications import Starlette

from interlock.engines.address import EngineAddress
from interlock.engines.driver import EngineDriver
from interlock.engines.naming import Naming, naming_of
from interlock.gateway.application import GatewaySettings, gateway
from interlock.gateway.proxy import Upstream
from interlock.routing.settings import RoutingSettings
from interlock.routing.table import RouteTable
from interlock.routing.writer import write_table
from support.asgi_engine import serving
from support.engine_clients import CLIENT_TIMEOUT_S
from support.engine_processes import ADMIN_TOKEN, SERVED_NAME, EngineProcess
from support.simulators.lorax import LoraxSimulator
from support.simulators.nim import NimSimulator
from support.simulators.sglang import SglangSimulator
from support.simulators.telling_model import TellingModel
from support.simulators.tgi import TgiSimulator
from support.telling_adapters import TellingModels


class Simulator(Protocol):
    """What every simulator offers beside its manners."""

    model: TellingModel

    def application(self) -> Starlette:
        """The HTTP interface."""

    def restart(self) -> None:
        """Forget what a new process does not know."""


def _never(line: str) -> None:
    raise AssertionError(f"this engine takes no adapters at its start: {line}")


@dataclass(frozen=True)
class EngineUnderTest:
    """Where an engine and its edge answer and what its documentation says of it.

    `base` is the name under which the base answers, `base_root` what the engine reports of it. `start` starts it anew
    with a list of adapters.
    """

    kind: str
    url: str
    edge_url: str
    base: str
    base_root: str
    routes: Path | None = None
    adapters_directory: Path | None = None
    start: Callable[[str], None] = _never
    restart: Callable[[], None] | None = None
    simulator: Any = None
    admin_token: str = field(default=ADMIN_TOKEN, repr=False)
    api_key: str = field(default="", repr=False)

    def address(self, **changed: Any) -> EngineAddress:
        """Where a driver finds it, with the keys that it was started with, or with others."""
        address = EngineAddress(
            self.url,
            api_key=self.api_key,
            admin_token=self.admin_token,
            timeout_s=CLIENT_TIMEOUT_S,
            routing_url="" if self.edge_url == self.url else self.edge_url,
            adapters_directory=self.adapters_directory,
        )
        return replace(address, **changed)

    def client(self, *, trusted: bool = True) -> httpx.Client:
        """Plain HTTP to the edge, with the agent's token unless a client is meant."""
        headers = {"X-Interlock-Token": self.admin_token} if trusted else {}
        headers |= {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return httpx.Client(base_url=self.edge_url, headers=headers, timeout=CLIENT_TIMEOUT_S, trust_env=False)

    def bring(self, driver: EngineDriver, adapters: Mapping[str, Path]) -> None:
        """Have the engine hold these adapters: by loads, or by starting it with them where nothing else does it."""
        if driver.capabilities.boot_only:
            self.start(driver.start_with({name: str(path) for name, path in adapters.items()}))
            return
        for name, path in adapters.items():
            driver.load(name, str(path))

    def take(self, driver: EngineDriver, name: str) -> None:
        """Have it hold `name` no more."""
        driver.unload(name)
        if driver.capabilities.boot_only:
            self.restart_without(name)

    def restart_without(self, name: str) -> None:
        """Start an engine that takes adapters only then anew, without one of them."""
        held = self.simulator.held
        for adapter in [adapter for adapter in held if adapter.replace("/", "@") == name]:
            del held[adapter]


def real_engine(process: EngineProcess, routes: Path) -> EngineUnderTest:
    """A process with the middleware inside."""
    return EngineUnderTest(
        process.kind,
        process.url,
        process.url,
        SERVED_NAME,
        str(process.base),
        routes=routes,
        admin_token=process.admin_token,
        api_key=process.api_key,
    )


@contextmanager
def simulated_engine(
    kind: str, models: TellingModels, root: Path, *, naming: Naming | None = None, **manners: Any
) -> Iterator[EngineUnderTest]:
    """A simulator of `kind` with a gateway in front; `naming` is what the gateway was told, rightly by default."""
    adapters, routes = root / "adapters", root / "routes.json"
    adapters.mkdir(parents=True, exist_ok=True)
    simulator = _simulator(kind, models, adapters, manners)
    root_of_base = str(models.base.directory)
    base = {"lorax": root_of_base, "tgi": "tgi"}.get(kind, SERVED_NAME)
    write_table(routes, RouteTable("test", bases=frozenset({base, root_of_base})))
    named = naming or naming_of(kind, base=SERVED_NAME, directory=adapters)
    settings = RoutingSettings(routes, ADMIN_TOKEN.encode())
    with (
        serving(simulator.application()) as url,
        serving(gateway(GatewaySettings(settings, named, Upstream(url)))) as edge,
    ):
        yield EngineUnderTest(
            kind,
            url,
            edge,
            base,
            SERVED_NAME if kind == "nim" else root_of_base,
            routes=routes,
            adapters_directory=adapters if kind in ("lorax", "nim") else None,
            start=simulator.start_with if isinstance(simulator, TgiSimulator) else _never,
            restart=simulator.restart,
            simulator=simulator,
        )


def _simulator(kind: str, models: TellingModels, adapters: Path, manners: dict[str, Any]) -> Simulator:
    model = TellingModel(models.base.directory)
    match kind:
        case "sglang":
            return SglangSimulator(model, **manners)
        case "lorax":
            return LoraxSimulator(model, **manners)
        case "tgi":
            return TgiSimulator(model, **manners)
        case "nim":
            return NimSimulator(model, adapters, **manners)
    raise AssertionError(f"there is no simulator of {kind}")
