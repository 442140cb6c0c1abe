"""The servers of these tests are what the real clients think they are, and we agree with those clients."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.artifacts.sources import SourceAccess, open_source
from interlock.artifacts.sources.access import HostLogin
from interlock.artifacts.sources.sigv4 import Keys, signed_headers
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactCorrupt, ArtifactMissing, ArtifactUnreachable
from support.sources.hub import Hub
from support.sources.places import artifact_at, keep_artifact
from support.sources.registry import Registry
from support.sources.web import web_server

FILES = {"adapter_config.json": b'{"r": 8}', "adapter_model.safetensors": os.urandom(5000)}
NAMES = st.text("abcXYZ019-_.~!*'()=+@ ", min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(key=st.lists(NAMES, min_size=1, max_size=3), token=st.sampled_from(["", "session/token=="]))
def test_our_signature_is_botocore_s(key: list[str], token: str) -> None:
    url = f"https://adapters.s3.eu-central-1.amazonaws.com/{quote('/'.join(key), safe='/~')}"
    request = AWSRequest("GET", url)
    S3SigV4Auth(Credentials("AKID", "secret", token or None), "s3", "eu-central-1").add_auth(request)
    now = dt.datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    ours = signed_headers("GET", url, Keys("AKID", "secret", token), region="eu-central-1", now=now)
    assert {name.lower(): value for name, value in ours.items()} == {
        name.lower(): value for name, value in request.headers.items()
    }


def test_what_oras_pushes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import oras.client

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    registry = Registry()
    with web_server(registry.answer) as server:
        client = oras.client.OrasClient(hostname=server.host, insecure=True)
        pushed = client.push(f"{server.host}/ml/bot:7", files=list(FILES), disable_path_validation=True)
        pushed.close()
        digest = f"sha256:{hashlib.sha256(registry.manifests['7'][1]).hexdigest()}"
        access = SourceAccess(plain_http=(server.host,))
        artifact = artifact_at(f"oci://{server.host}/ml/bot@{digest}", FILES)
        files = open_source(artifact, WorkingTree(Path("/")), access=access)
        assert files.sizes() == {name: len(data) for name, data in FILES.items()}
        for name, data in FILES.items():
            with files.open(name) as stream:
                assert stream.read() == data


def test_huggingface_hub_reads_what_we_read(tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    commit, hub = "c" * 40, Hub("hf-token")
    hub.commits["acme/bot", commit] = dict(FILES)
    with web_server(hub.answer) as server, web_server(hub.answer) as storage:
        hub.storage = storage.url
        api = HfApi(endpoint=server.url, token="hf-token")
        listed = {
            entry.path: entry.size
            for entry in api.list_repo_tree("acme/bot", revision=commit)
            if hasattr(entry, "size")
        }
        assert listed == {name: len(data) for name, data in FILES.items()}
        for name, data in FILES.items():
            got = api.hf_hub_download("acme/bot", name, revision=commit, cache_dir=tmp_path)
            assert Path(got).read_bytes() == data


def opened(registry_host: str, digest: str, access: SourceAccess, repository: str = "ml/bot") -> bytes:
    artifact = artifact_at(f"oci://{registry_host}/{repository}@{digest}", FILES)
    with open_source(artifact, WorkingTree(Path("/")), access=access).open("adapter_config.json") as stream:
        return stream.read()


def test_a_registry_that_gives_out_another_manifest_is_found_out() -> None:
    registry = Registry()
    with web_server(registry.answer) as server:
        access = SourceAccess(plain_http=(server.host,))
        digest = keep_artifact(registry, FILES)
        assert opened(server.host, digest, access) == FILES["adapter_config.json"]
        form, manifest = registry.manifests[digest]
        registry.manifests[digest] = form, manifest + b" "
        with pytest.raises(ArtifactCorrupt, match="gives out a manifest with the digest"):
            opened(server.host, digest, access)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b'{"layers": 7}', b'{"layers": [7]}', b'{"layers": [{"annotations": 1}]}', b'{"manifests": []}',
     b'{"layers": [{"annotations": {"org.opencontainers.image.title": "adapter_config.json"}}]}',
     b'{"layers": [{"digest": "", "size": 1e999, "annotations": {"org.opencontainers.image.title": "x"}}]}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(manifest: bytes) -> None:
    registry = Registry()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    registry.manifests[digest] = "application/vnd.oci.image.manifest.v1+json", manifest
    with web_server(registry.answer) as server, pytest.raises(ArtifactCorrupt):
        opened(server.host, digest, SourceAccess(plain_http=(server.host,)))


def test_an_address_that_a_layer_names_is_not_asked() -> None:
    registry = Registry()
    with web_server(registry.answer) as server, web_server(registry.answer) as elsewhere:
        form, manifest = registry.manifests[keep_artifact(registry, FILES)]
        document = json.loads(manifest)
        for layer in document["layers"]:
            layer |= {
                "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
                "urls": [f"http://{elsewhere.host}/x"],
            }
        foreign = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(foreign).hexdigest()}"
        registry.manifests[digest] = form, foreign
        access = SourceAccess(plain_http=(server.host, elsewhere.host))
        assert opened(server.host, digest, access) == FILES["adapter_config.json"]
        assert elsewhere.seen == []


def test_an_artifact_with_layers_for_other_names_lacks_ours() -> None:
    registry = Registry()
    with web_server(registry.answer) as server, pytest.raises(ArtifactMissing, match="no layer for adapter_config"):
        opened(server.host, keep_artifact(registry, {"x": b"y"}), SourceAccess(plain_http=(server.host,)))


def test_a_registry_is_not_talked_to_without_tls_unless_that_is_set() -> None:
    registry = Registry()
    with web_server(registry.answer) as server, pytest.raises(ArtifactUnreachable):
        opened(server.host, keep_artifact(registry, FILES), SourceAccess(connect_s=2, stall_s=2))
    assert server.seen == []


def test_a_login_is_sent_to_no_other_host_than_the_operator_named() -> None:
    registry, other = Registry("robot", "pass-word"), Registry("robot", "pass-word")
    with web_server(registry.answer) as server, web_server(other.answer) as tokens:
        digest = keep_artifact(registry, FILES)
        registry.realm_host, other.tokens = tokens.host, registry.tokens
        login = HostLogin(server.host, "robot", "pass-word")
        access = SourceAccess(plain_http=(server.host, tokens.host), oci=(login,))
        with pytest.raises(ArtifactUnreachable, match="not sent to other hosts") as caught:
            opened(server.host, digest, access)
        assert f"token_host: {tokens.host}" in caught.value.remedy
        assert tokens.seen == []
        named = HostLogin(server.host, "robot", "pass-word", token_host=tokens.host)
        assert opened(server.host, digest, SourceAccess(plain_http=access.plain_http, oci=(named,)))


def test_a_token_that_has_ended_is_replaced(tmp_path: Path) -> None:
    registry = Registry("robot", "pass-word")
    with web_server(registry.answer) as server:
        access = SourceAccess(plain_http=(server.host,), oci=(HostLogin(server.host, "robot", "pass-word"),))
        artifact = artifact_at(f"oci://{server.host}/ml/bot@{keep_artifact(registry, FILES)}", FILES)
        files = open_source(artifact, WorkingTree(Path("/")), access=access)
        for name, data in FILES.items():
            registry.tokens.clear()
            with files.open(name) as stream:
                assert stream.read() == data
