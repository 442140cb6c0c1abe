"""The addresses of artifacts that lie beyond this machine: `https:`, `s3:`, `oci:` and `hf:`, each in one form only.

Called for the field `uri` of documents, and by the sources that read from there. Refuses passwords, queries and `..` in
addresses, and hub and registry addresses that name no exact version: bytes never change under a name.
"""

from __future__ import annotations

import re

HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?"
_HOST = re.compile(HOST)
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})|%(?:2[EeFf]|5[Cc]|[01])")
"""Half an escape, and escapes of what a path may not hold: dots, slashes, backslashes, control characters."""
_URL_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"[A-Za-z0-9!_.*'()/@+=,:&$;~-]+")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_OCI = re.compile(rf"({HOST})/({_PART}(?:/{_PART})*)@(sha256:[0-9a-f]{{64}})")
_HUB_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_HF = re.compile(rf"({_HUB_NAME}(?:/{_HUB_NAME})?)@([0-9a-f]{{40}})(?:/([A-Za-z0-9._+=/-]+))?")

FORMS = {
    "https": "https://HOST/DIRECTORY without a user, a query or '..'",
    "s3": "s3://BUCKET/DIRECTORY without a query or '..'",
    "oci": "oci://REGISTRY/REPOSITORY@sha256:DIGEST-OF-THE-MANIFEST, without a tag, which could move",
    "hf": "hf://OWNER/REPOSITORY@COMMIT or hf://OWNER/REPOSITORY@COMMIT/DIRECTORY, with all 40 digits of the commit",
}


def remote_form(uri: str) -> str:
    """The form that an address should have had; "" where it has it, and for kinds that are no matter of this module."""
    scheme, _, rest = uri.partition(":")
    if scheme not in FORMS or (rest.startswith("//") and _CHECKS[scheme](rest[2:])):
        return ""
    return FORMS[scheme]


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The bucket of an `s3:` address and the key of the directory in it, without a last slash."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.rstrip("/")


def registry_parts(uri: str) -> tuple[str, str, str]:
    """Registry, repository and digest of the manifest of an `oci:` address."""
    match = _OCI.fullmatch(uri.removeprefix("oci://"))
    assert match, uri
    return match[1], match[2], match[3]


def hub_parts(uri: str) -> tuple[str, str, str]:
    """Repository, commit and directory ("" for the whole repository) of an `hf:` address."""
    match = _HF.fullmatch(uri.removeprefix("hf://"))
    assert match, uri
    return match[1], match[2], (match[3] or "").rstrip("/")


def _is_https(rest: str) -> bool:
    host, slash, path = rest.partition("/")
    plain = slash and _HOST.fullmatch(host) and _URL_PATH.fullmatch(f"/{path}") and not _ESCAPES.search(path)
    return bool(plain) and _stays_below(path)


def _is_s3(rest: str) -> bool:
    bucket, slash, key = rest.partition("/")
    usable = bool(_BUCKET.fullmatch(bucket)) and ".." not in bucket
    return usable and (not slash or bool(_KEY.fullmatch(key) and _stays_below(key)))


def _is_oci(rest: str) -> bool:
    return bool(_OCI.fullmatch(rest))


def _is_hf(rest: str) -> bool:
    match = _HF.fullmatch(rest)
    return match is not None and ".." not in rest and (match[3] is None or _stays_below(match[3]))


def _stays_below(path: str) -> bool:
    return not any(part in ("", ".", "..") for part in path.removesuffix("/").split("/"))


_CHECKS = {"https": _is_https, "s3": _is_s3, "oci": _is_oci, "hf": _is_hf}
