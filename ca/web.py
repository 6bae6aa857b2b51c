"""The public status service: CRLs, issuing certificates, OCSP, time-stamps, the log. No session, no secret, all signed."""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ca.encoding import ocsp
from kernel.edges.public import Answer, Asked, text
from kernel.errors import Invalid, NotFound, WeichengError

if TYPE_CHECKING:
    from ca.service import CaService

_CACHED_SECONDS = 60  # a revocation is seen through every cache within a minute
_OCSP = "application/ocsp-response"
_QUERY = "application/timestamp-query"
Route = Callable[["CaService", Asked, "re.Match[str]"], Answer]


def _crl(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    return Answer(200, "application/pkix-crl", service.publication.crl(found["authority"]), max_age=300)


def _certificate(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    certificate = service.authority(found["authority"]).certificate
    return Answer(200, "application/pkix-cert", certificate, max_age=86400)


def _ocsp_post(service: "CaService", asked: Asked, _found: "re.Match[str]") -> Answer:
    return Answer(200, _OCSP, service.responder.answer(asked.body))


def _ocsp_get(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    # RFC 6960 appendix A.1: base64, percent-encoded; some clients double the slashes of the path
    try:
        request = base64.b64decode(unquote(found["encoded"]), validate=True)
    except (binascii.Error, ValueError):
        return Answer(200, _OCSP, ocsp.failure(ocsp.MALFORMED_REQUEST))
    return Answer(200, _OCSP, service.responder.answer(request), max_age=_CACHED_SECONDS)


def _stamp(service: "CaService", asked: Asked, _found: "re.Match[str]") -> Answer:
    wait = service.timestamps.buckets.wait(asked.origin)
    if wait:
        headers = {"Retry-After": str(math.ceil(wait))}
        return replace(text(429, "Too many time-stamps were asked for from this address."), headers=headers)
    if asked.headers.get("content-type", _QUERY).partition(";")[0].strip().lower() != _QUERY:
        return text(415, f"A request for a time-stamp is {_QUERY} (RFC 3161 section 3.4).")
    return Answer(200, "application/timestamp-reply", service.timestamps.answer(asked.body))


def _log(service: "CaService", asked: Asked, found: "re.Match[str]") -> Answer:
    from ca.transparency import public

    try:
        given = dict(parse_qsl(asked.query, max_num_fields=10))
        value = public.answer(service.log, found["what"], given)
    except (Invalid, ValueError) as error:
        return text(400, error.text("en") if isinstance(error, Invalid) else "The query can not be read.")
    kept = 0 if found["what"] == "sth" else _CACHED_SECONDS
    return Answer(200, "application/json", json.dumps(value, ensure_ascii=False).encode(), max_age=kept)


def _healthy(_service: "CaService", _asked: Asked, _found: "re.Match[str]") -> Answer:
    return Answer(200, "application/json", b'{"status": "ok"}')


_ID = r"(?P<authority>[A-Za-z0-9._-]{1,60})"
# method, path as it came (base64 in an OCSP path may hold two slashes in a row), what answers
ROUTES: Sequence[tuple[str, "re.Pattern[str]", Route]] = (
    ("GET", re.compile(rf"/crl/{_ID}\.crl"), _crl),
    ("GET", re.compile(rf"/ca/{_ID}\.cer"), _certificate),
    ("POST", re.compile(r"/ocsp/?"), _ocsp_post),
    ("GET", re.compile(r"/ocsp/(?P<encoded>.+)", re.DOTALL), _ocsp_get),
    ("POST", re.compile(r"/tsa/?"), _stamp),
    ("GET", re.compile(r"/log/v1/(?P<what>[a-z/]{1,40})"), _log),
    ("GET", re.compile(r"/healthz"), _healthy),
)


class StatusSite:
    """GET /crl/ID.crl, GET /ca/ID.cer (AIA), GET and POST /ocsp, POST /tsa, GET /log/v1/…: what ROUTES names."""

    def __init__(self, service: "CaService") -> None:
        self._service = service

    def quick(self, _asked: Asked) -> Answer | None:
        return None

    def together(self, asked: Asked) -> bool:
        return asked.path.startswith("/ocsp")

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        return [self._one(one) for one in asked]

    def _one(self, asked: Asked) -> Answer:
        method = "GET" if asked.method == "HEAD" else asked.method
        fitting = [
            (verb, route, found) for verb, path, route in ROUTES if (found := path.fullmatch(asked.path))
        ]
        for verb, route, found in fitting:
            if verb == method:
                try:
                    return route(self._service, asked, found)
                except NotFound as error:
                    return text(404, error.text("en"))
                except WeichengError as error:
                    return text(503, error.text("en"))
        return text(405 if fitting else 404, "There is nothing here.")
