"""`s3://BUCKET/DIRECTORY`: objects of Amazon S3 or of anything that speaks its interface (MinIO, Ceph, R2, GCS …).

Keys come from the settings or from the environment; where neither has them, botocore (of the extra `s3`) finds those of
a profile, of a machine or of a pod. What it would cost to let it read, too: docs/decisions/0011-sources.md.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from interlock.artifacts.sources.access import S3Place, SourceAccess
from interlock.artifacts.sources.files import ArtifactFiles
from interlock.artifacts.sources.reading import Request
from interlock.artifacts.sources.remote import RemoteFiles
from interlock.artifacts.sources.sigv4 import Keys, signed_headers
from interlock.documents.addresses import bucket_and_key
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactUnreachable

DEFAULT_REGION = "us-east-1"


def open_files(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    """See `registry.open_source`."""
    now = functools.partial(dt.datetime.now, dt.UTC)
    return RemoteFiles(artifact, access, lambda name, method: object_request(artifact.uri, name, access, method, now()))


def object_request(uri: str, name: str, access: SourceAccess, method: str, now: dt.datetime) -> Request:
    """The request for one file below the address `uri`, signed at the time `now` (UTC).

    Raises:
        ArtifactUnreachable: there are no keys to sign it with.
    """
    bucket, key = bucket_and_key(uri)
    place = _place_of(bucket, access.s3)
    url = f"{_bucket_url(bucket, place)}{f'/{_quoted(key)}' if key else ''}/{_quoted(name)}"
    keys = _keys(place, uri)
    headers = signed_headers(method, url, keys, region=_region(place), now=now) if keys else {}
    return Request(url, f"{uri.rstrip('/')}/{name}", headers, follow=False)


def _quoted(key: str) -> str:
    return quote(key, safe="/~")


def _place_of(bucket: str, places: tuple[S3Place, ...]) -> S3Place:
    named = [place for place in places if place.bucket == bucket]
    return next(iter([*named, *(place for place in places if not place.bucket)]), S3Place())


def _bucket_url(bucket: str, place: S3Place) -> str:
    if not place.endpoint:
        host = f"s3.{_region(place)}.amazonaws.com"
        # A certificate for *.s3… does not cover a name with more dots.
        return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"
    if place.virtual_host:
        scheme, _, host = place.endpoint.rstrip("/").partition("://")
        return f"{scheme}://{bucket}.{host}"
    return f"{place.endpoint.rstrip('/')}/{bucket}"


def _region(place: S3Place) -> str:
    return place.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


def _keys(place: S3Place, uri: str) -> Keys | None:
    """The keys to sign with; None for anonymous requests."""
    if place.anonymous:
        return None
    if place.key_id:
        return Keys(place.key_id, place.secret_key, place.session_token)
    known: Mapping[str, str] = {} if place.profile else os.environ
    if known.get("AWS_ACCESS_KEY_ID") and known.get("AWS_SECRET_ACCESS_KEY"):
        return Keys(known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], known.get("AWS_SESSION_TOKEN", ""))
    return _found_keys(place.profile, uri)


def _found_keys(profile: str, uri: str) -> Keys:
    """The keys that AWS tools would use here."""
    try:
        found = _credentials(profile)
        frozen = found.get_frozen_credentials() if found else None
    except ImportError:
        raise _no_keys(uri, "the package botocore, which looks for others, is not installed") from None
    except Exception as error:  # botocore raises dozens of kinds, and some of them tell what they were given
        raise _no_keys(uri, f"looking for others failed ({type(error).__name__})") from None
    if frozen is None:
        raise _no_keys(uri, "this machine has none of its own")
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")


@functools.lru_cache(maxsize=8)
def _credentials(profile: str) -> Any:
    """What finds keys, and new ones before they end."""
    from botocore.session import Session

    return Session(profile=profile or None).get_credentials()


def _no_keys(uri: str, why: str) -> ArtifactUnreachable:
    return ArtifactUnreachable(
        f"{uri} cannot be asked for: there are no keys in the settings or in the environment, and {why}",
        expected="keys, or `anonymous: true` for a public bucket",
        remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `sources.s3` in the node's settings; for profiles"
        " and roles run: pip install 'interlock[s3]'",
    )
