"""Every route that this vLLM has is decided about: a new release may not bring one that nobody has looked at."""

from __future__ import annotations

import re

import pytest

from interlock.routing.administration import is_administration, is_inference
from support.vllm_serving import Serving

pytestmark = pytest.mark.vllm

READ_ONLY = {
    "/health",
    "/load",
    "/metrics",
    "/ping",
    "/tokenizer_info",
    "/v1/models",
    "/v1/responses/name",
    "/version",
}


def test_every_route_of_this_vllm_is_known(guarded: Serving) -> None:
    paths = guarded.anyone.get("/openapi.json").json()["paths"]
    assert "/v1/completions" in paths
    assert "/v1/load_lora_adapter" in paths
    for template, operations in paths.items():
        path = re.sub(r"\{[^}]*\}", "name", template)
        for method in operations:
            open_to_clients = path in READ_ONLY if method == "get" else is_inference(path)
            assert open_to_clients or is_administration(path), f"{method.upper()} {template} is new: decide about it"


def test_every_route_that_administers_refuses_a_client(guarded: Serving) -> None:
    for template, operations in guarded.anyone.get("/openapi.json").json()["paths"].items():
        path = re.sub(r"\{[^}]*\}", "name", template)
        for method in operations:
            if is_administration(path):
                assert guarded.client.request(method, path, json={}).status_code == 403, (method, template)
