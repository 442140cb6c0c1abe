from __future__ import annotations

import httpx
import pytest

from interlock.routing.form_body import parse_form_body
from interlock.routing.refusal import Refusal

TYPE = b"multipart/form-data; boundary=XX"


def form(*parts: bytes) -> bytes:
    return b"".join(b"--XX\r\n" + part + b"\r\n" for part in parts) + b"--XX--\r\n"


def field(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value


AUDIO = field(b"file", b"RIFF\r\n\x00\xff--X", b'; filename="a b.wav"\r\nContent-Type: audio/wav')


def test_only_the_model_changes_in_a_form() -> None:
    body = form(AUDIO, field(b"model", b"support-bot"), field(b"language", b"en"))
    parsed = parse_form_body(body, TYPE)
    assert parsed.model is not None
    assert parsed.model.name == "support-bot"
    assert parsed.with_model("NEW") == form(AUDIO, field(b"model", b"NEW"), field(b"language", b"en"))


def test_a_form_without_a_model_is_left_alone() -> None:
    body = form(AUDIO)
    assert parse_form_body(body, TYPE).with_model("x") == body


def test_the_form_of_a_real_client_is_read() -> None:
    request = httpx.Request(
        "POST",
        "http://engine/v1/audio/transcriptions",
        data={"model": "support-bot", "language": "en"},
        files={"file": ("spräche.wav", b"RIFF", "audio/wav")},
    )
    parsed = parse_form_body(request.read(), request.headers["content-type"].encode())
    assert parsed.model is not None
    assert parsed.model.name == "support-bot"


REFUSED = {
    "model twice": form(field(b"model", b"tiny"), field(b"model", b"../x")),
    "model in capitals": form(field(b"Model", b"tiny")),
    "model as file": form(field(b"model", b"tiny", b'; filename="m"')),
    "model not utf-8": form(field(b"model", b"\xff")),
    "second name after the file name": form(field(b"a", b"../x", b'; filename="f"; name="model"')),
    "escaped quote in the name": form(field(b'a\\"; name=\\"model', b"../x")),
    "name in the extended form": form(b"Content-Disposition: form-data; name*=utf-8''model\r\n\r\n../x"),
    "name without quotes": form(b"Content-Disposition: form-data; name=model\r\n\r\n../x"),
    "no name": form(b"Content-Disposition: form-data\r\n\r\n../x"),
    "two dispositions": form(
        b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"\r\n\r\n../x'
    ),
    "unknown part header": form(b'Content-Disposition: form-data; name="a"\r\nX-Name: model\r\n\r\n../x'),
    "folded header": form(b'Content-Disposition: form-data;\r\n name="model"\r\n\r\n../x'),
    "encoded content": form(field(b"model", b"dGlueQ==", b"\r\nContent-Transfer-Encoding: base64")),
    "no blank line": form(b'Content-Disposition: form-data; name="model"\r\n../x'),
    "text before": b"hello\r\n" + form(field(b"model", b"tiny")),
    "text after": form(field(b"model", b"tiny")) + b"hello",
    "boundary inside a value": form(field(b"file", b'--XX\nContent-Disposition: form-data; name="model"\n\n../x')),
    "boundary with line feeds only": form(field(b"a", b"1")).replace(b"\r\n--XX", b"\n--XX"),
    "never closed": form(field(b"model", b"tiny")).removesuffix(b"--\r\n"),
    "closed early": form(field(b"a", b"1")) + form(field(b"model", b"../x")),
    "two boundaries in a row": b"--XX\r\n" + form(field(b"model", b"tiny")),
    "only an end": b"--XX--\r\n",
    "too many parts": form(*[field(b"a", b"")] * 1100),
    "json": b'{"model":"tiny"}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_a_form_that_could_be_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_form_body(body, TYPE)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=XX; boundary=YY",
        b"multipart/form-data; boundary=XX; charset=utf-16",
        b'multipart/form-data; boundary="XX',
        b"multipart/mixed; boundary=XX",
        b"application/x-www-form-urlencoded",
        b"application/json; x=form",
    ],
)
def test_a_content_type_that_is_not_plain_is_refused(content_type: bytes) -> None:
    with pytest.raises(Refusal):
        parse_form_body(form(field(b"model", b"tiny")), content_type)
