"""Which requests administer the engine and are therefore the agent's alone; docs/routing.md explains each.

Two questions, asked by the middleware in this order. `is_administration`: a path that loads, unloads, pauses, rewrites
or exposes the engine, however it is spelled; refused with every method. `is_inference`: the exact paths that change
nothing; a POST to any other path is refused too, because the next release of an engine may add a way to administer it
under a name that nobody here knows yet.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MAX_DECODINGS = 8

# Exact path segments, compared in lower case. Sources: the routes of vLLM 0.32 and SGLang, and the SageMaker
# conventions that vLLM also answers.
ADMINISTRATION_SEGMENTS = frozenset(
    {
        # adapters and dispatch
        "adapters",
        "invocations",
        # weights
        "finish_weight_update",
        "init_weight_transfer_engine",
        "init_weights_update_group",
        "shutdown_weight_transfer_engine",
        "start_draft_weight_update",
        "start_weight_update",
        "update_weight_version",
        "update_weights",
        "update_weights_from_disk",
        "update_weights_from_distributed",
        "update_weights_from_tensor",
        "get_weights_by_name",
        "weight_checker",
        # running state
        "abort_request",
        "abort_requests",
        "continue_generation",
        "fault_tolerance",
        "pause",
        "pause_generation",
        "release_kv_cache_memory",
        "release_memory_occupation",
        "resume",
        "resume_memory_occupation",
        "scale_elastic_ep",
        "is_scaling_elastic_ep",
        "sleep",
        "wake_up",
        # caches
        "clear_hicache_storage_backend",
        "flush_cache",
        "reset_encoder_cache",
        "reset_mm_cache",
        "reset_prefix_cache",
        # arbitrary calls, profiling and internals
        "collective_rpc",
        "configure_logging",
        "close_session",
        "dump_expert_distribution_record",
        "get_internal_state",
        "get_server_info",
        "kv_event_sources",
        "open_session",
        "server_info",
        "set_internal_state",
        "slow_down",
        "start_expert_distribution_record",
        "start_profile",
        "stop_expert_distribution_record",
        "stop_profile",
    }
)

INFERENCE_PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/chat/completions/batch",
        "/v1/chat/completions/derender",
        "/v1/chat/completions/render",
        "/v1/completions",
        "/v1/completions/derender",
        "/v1/completions/render",
        "/v1/responses",
        "/v1/responses/render",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/messages/render",
        "/cohere/v2/chat",
        "/cohere/v2/chat/render",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/embeddings",
        "/v2/embed",
        "/pooling",
        "/classify",
        "/score",
        "/v1/score",
        "/rerank",
        "/v1/rerank",
        "/v2/rerank",
        "/generative_scoring",
        "/v1/systemone",
        "/inference/v1/generate",
        "/tokenize",
        "/detokenize",
        "/ping",
    }
)
_RESPONSE_CANCEL = re.compile(r"/v1/responses/[A-Za-z0-9_-]+/cancel")


def is_administration(path: str) -> bool:
    """Whether `path` administers the engine, whatever its case, slashes, dots and left-over percent-encoding."""
    segments = _segments(path)
    return segments is None or any("lora" in part or part in ADMINISTRATION_SEGMENTS for part in segments)


def is_inference(path: str, opened: frozenset[str] = frozenset()) -> bool:
    """Whether a POST to exactly `path` only asks the model something; `opened` are paths that the operator added."""
    return path in INFERENCE_PATHS or path in opened or _RESPONSE_CANCEL.fullmatch(path) is not None


def _segments(path: str) -> list[str] | None:
    """The parts of the path in lower case, both before and after `..` is applied; None when it never stops decoding."""
    for _ in range(MAX_DECODINGS):
        decoded = unquote(path, errors="replace")
        if decoded == path:
            # `/a/../adapters` holds its target as a segment, so dot segments need no resolving here.
            return [part.split(";")[0].strip().lower() for part in path.replace("\\", "/").split("/")]
        path = decoded
    return None
