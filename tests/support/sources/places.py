"""A place of each kind on loopback where files can be put, behind a network that can fail: for the contract of sources.

with place_of("s3", tmp_path) as place:
    uri = place.put({"adapter_config.json": b"{}"})
    open_source(artifact_at(uri, …), tree, access=place.access)
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from interlock.artifacts.digests import file_set_digest
from interlock.artifacts.sources.access import HostLogin, Hub, S3Place, SourceAccess
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from support.sources.hub import Hub as HubServer
from support.sources.network import Network, network_to
from support.sources.registry import Registry
from support.sources.web import Asked, make_authority, web_server

SECRET = "gX7-very-secret-9"
USER = "robot"
QUICK = SourceAccess(connect_s=5.0, stall_s=5.0, deadline_s=20.0)
_unique = count()


@dataclass(frozen=True)
class Place:
    """`put` keeps files and returns their address; `nowhere` is one where nothing is; `stranger` has a wrong login."""

    put: Callable[[Mapping[str, bytes]], str]
    nowhere: str
    access: SourceAccess
    stranger: SourceAccess
    network: Network


def artifact_at(uri: str, files: Mapping[str, bytes]) -> Artifact:
    """What a manifest says about files at an address."""
    described = tuple(
        ArtifactFile(path=name, digest=Digest(f"sha256:{hashlib.sha256(data).hexdigest()}"), size=len(data))
        for name, data in sorted(files.items())
    )
    return Artifact(uri=uri, digest=file_set_digest(described), files=described)


@contextmanager
def https_place(directory: Path) -> Iterator[Place]:
    """A web server with TLS that asks for a user and a password."""
    kept: dict[str, bytes] = {}
    login = HostLogin("", USER, SECRET)
    expected = f"Basic {base64.b64encode(f'{USER}:{SECRET}'.encode()).decode()}"

    def answer(asked: Asked) -> None:
        if asked.headers.get("Authorization") == expected:
            asked.give(kept.get(asked.path))
        else:
            asked.reply(401, {"WWW-Authenticate": "Basic"})

    authority = make_authority(directory / "https")
    with web_server(answer, authority) as server, network_to(server.port) as network:

        def put(files: Mapping[str, bytes]) -> str:
            folder = f"/adapters/{next(_unique)}"
            kept.update({f"{folder}/{name}": data for name, data in files.items()})
            return f"https://{network.host}{folder}"

        access = replace(QUICK, ca_file=authority.file, https=(replace(login, host=network.host),))
        stranger = replace(access, https=(HostLogin(network.host, USER, f"{SECRET}-not"),))
        yield Place(put, f"https://{network.host}/nowhere", access, stranger, network)


@contextmanager
def s3_place(directory: Path) -> Iterator[Place]:
    """moto's server, which checks signatures and policies."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    try:
        client, key_id, secret = _moto_account(f"http://127.0.0.1:{port}")
        with network_to(port) as network:

            def put(files: Mapping[str, bytes]) -> str:
                folder = f"sha256/a b+c-{next(_unique)}".replace(" ", "=")
                for name, data in files.items():
                    client.put_object(Bucket="adapters", Key=f"{folder}/{name}", Body=data)
                return f"s3://adapters/{folder}"

            keys = S3Place(endpoint=f"http://{network.host}", key_id=key_id, secret_key=secret)
            access = replace(QUICK, s3=(keys,))
            stranger = replace(access, s3=(replace(keys, secret_key=f"{secret[:-4]}WRNG"),))
            yield Place(put, "s3://adapters/nowhere", access, stranger, network)
    finally:
        server.stop()


def _moto_account(endpoint: str) -> tuple[Any, str, str]:
    """A client that may write, and the keys of somebody who may."""
    from botocore.session import Session

    made: dict[str, Any] = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    first = {"aws_access_key_id": "first", "aws_secret_access_key": "first"}
    iam = Session().create_client("iam", **made, **first)
    iam.create_user(UserName=USER)
    rule = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    iam.put_user_policy(UserName=USER, PolicyName="all", PolicyDocument=document)
    keys = iam.create_access_key(UserName=USER)["AccessKey"]
    # From now on signatures count.
    strict = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    urllib.request.urlopen(strict, timeout=10).close()
    key_id, secret = keys["AccessKeyId"], keys["SecretAccessKey"]
    client = Session().create_client("s3", **made, aws_access_key_id=key_id, aws_secret_access_key=secret)
    client.create_bucket(Bucket="adapters")
    return client, key_id, secret


@contextmanager
def oci_place(directory: Path) -> Iterator[Place]:
    """A registry that gives out tokens for a login."""
    registry = Registry(USER, SECRET)
    with web_server(registry.answer) as server, network_to(server.port) as network:
        login = HostLogin(network.host, USER, SECRET)
        access = replace(QUICK, plain_http=(network.host,), oci=(login,))
        stranger = replace(access, oci=(replace(login, secret=f"{SECRET}-not"),))
        nowhere = f"oci://{network.host}/ml/bot@sha256:{'0' * 64}"

        def put(files: Mapping[str, bytes]) -> str:
            return f"oci://{network.host}/ml/bot@{keep_artifact(registry, files)}"

        yield Place(put, nowhere, access, stranger, network)


def keep_artifact(registry: Registry, files: Mapping[str, bytes]) -> str:
    """Put files into a registry as an artifact with one layer each; returns the digest of its manifest."""
    layers = []
    for name, data in files.items():
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        registry.blobs[digest] = data
        annotations = {"org.opencontainers.image.title": name}
        layers.append({"mediaType": "a/b", "digest": digest, "size": len(data), "annotations": annotations})
    form = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": form, "layers": layers, "n": next(_unique)}).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    registry.manifests[digest] = form, manifest
    return digest


@contextmanager
def hf_place(directory: Path) -> Iterator[Place]:
    """A hub with private repositories; large files are redirected to another host."""
    hub = HubServer(SECRET)
    authority = make_authority(directory / "hf")
    with (
        web_server(hub.answer) as server,
        web_server(hub.answer, authority) as storage,
        network_to(server.port) as network,
        network_to(storage.port) as storage_network,
    ):
        hub.storage = f"https://{storage_network.host}"

        def put(files: Mapping[str, bytes]) -> str:
            commit = secrets.token_hex(20)
            hub.commits["acme/bot", commit] = {f"adapters/bot/{name}": data for name, data in files.items()}
            return f"hf://acme/bot@{commit}/adapters/bot"

        access = replace(QUICK, ca_file=authority.file, hub=Hub(f"http://{network.host}", SECRET))
        stranger = replace(access, hub=Hub(f"http://{network.host}", f"{SECRET}-not"))
        yield Place(put, f"hf://acme/bot@{'0' * 40}", access, stranger, _Both(network, storage_network))


class _Both(Network):
    """Two networks that fail together."""

    def __init__(self, *networks: Network) -> None:
        self._networks = networks

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in ("cut_after", "silent_after"):
            for network in self._networks:
                setattr(network, name, value)

    @property
    def connections(self) -> int:  # type: ignore[override]
        """Of both."""
        return sum(network.connections for network in self._networks)

    @property
    def host(self) -> str:
        """Of the first."""
        return self._networks[0].host


PLACES = {"https": https_place, "s3": s3_place, "oci": oci_place, "hf": hf_place}
