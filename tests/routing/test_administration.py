from __future__ import annotations

import pytest

from interlock.routing.administration import INFERENCE_PATHS, is_administration, is_inference

ADMINISTRATION = [
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/load_lora_adapter",
    "/unload_lora_adapter",
    "/v1/loras",
    "/v1/loras/support-bot",
    "/lora_adapters",
    "/adapters",
    "/adapters/support-bot",
    "/invocations",
    "/collective_rpc",
    "/sleep",
    "/wake_up",
    "/release_kv_cache_memory",
    "/reset_prefix_cache",
    "/reset_mm_cache",
    "/reset_encoder_cache",
    "/server_info",
    "/pause",
    "/resume",
    "/abort_requests",
    "/inference/v1/abort_requests",
    "/update_weights",
    "/update_weight_version",
    "/start_weight_update",
    "/start_draft_weight_update",
    "/finish_weight_update",
    "/init_weight_transfer_engine",
    "/shutdown_weight_transfer_engine",
    "/weight_checker",
    "/scale_elastic_ep",
    "/is_scaling_elastic_ep",
    "/fault_tolerance/apply",
    "/fault_tolerance/status",
    "/kv_event_sources",
    "/start_profile",
    "/stop_profile",
    "/flush_cache",
]


@pytest.mark.parametrize("path", ADMINISTRATION)
def test_administration_is_recognised(path: str) -> None:
    assert is_administration(path)
    assert not is_inference(path)


@pytest.mark.parametrize(
    "path",
    [
        "/V1/Load_LoRA_Adapter",
        "//adapters",
        "/adapters/",
        "/adapters//",
        "///v1///load_lora_adapter",
        "/v1/../adapters",
        "/./adapters/.",
        "/adapters/x/..",
        "/%61dapters",
        "/%2561dapters",
        "/adapters%2Fsupport-bot",
        "/v1%2fload_lora_adapter",
        "/v1\\load_lora_adapter",
        "/adapters;v=1/x",
        "/prefix/of/a/proxy/adapters",
        "/adapters ",
        "/%25252525252525252541",
        "adapters",
    ],
)
def test_no_spelling_of_the_path_hides_it(path: str) -> None:
    assert is_administration(path)


@pytest.mark.parametrize("path", [*sorted(INFERENCE_PATHS), "/v1/responses/resp_0a-1/cancel"])
def test_inference_is_open_and_is_not_administration(path: str) -> None:
    assert is_inference(path)
    assert not is_administration(path)


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/version", "/metrics", "/docs", "/load", "/tokenizer_info"])
def test_what_only_reads_is_not_administration(path: str) -> None:
    assert not is_administration(path)


@pytest.mark.parametrize(
    "path", ["/v1/completions/", "//v1/completions", "/V1/completions", "/x", "", "/v1/responses/a/b/cancel"]
)
def test_only_the_exact_path_is_open_to_a_post(path: str) -> None:
    assert not is_inference(path)


def test_the_operator_can_open_a_path() -> None:
    assert is_inference("/v1/extra", frozenset({"/v1/extra"}))
