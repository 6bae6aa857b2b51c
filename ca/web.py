"""The public status service: CRLs, issuing certificates, OCSP, time-stamps, the log. No session, no secret, all signed."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ca.scopes import ListKind, Scope
from ca.status.desk import Desk
from kernel.edges.public import Answer, Asked, text
from kernel.errors import Invalid, NotFound, WeichengError

if TYPE_CHECKING:
    from ca.service import CaService

_CACHED_SECONDS = 60  # a revocation is seen through every cache within a minute
_OCSP = "/ocsp"
_LIST_SECONDS = {ListKind.FULL: 300, ListKind.DELTA: 60}
_QUERY = "application/timestamp-query"
Route = Callable[["CaService", Asked, "re.Match[str]"], Answer]


def _crl(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    kind = ListKind.DELTA if found["delta"] else ListKind.FULL
    newest = service.publication.newest(Scope(found["authority"], int(found["shard"] or 0)), kind)
    left = int((newest.next_update - service.clock.now()).total_seconds())
    headers = {"Last-Modified": format_datetime(newest.this_update, usegmt=True)}
    age = max(0, min(_LIST_SECONDS[kind], left))
    return Answer(200, "application/pkix-crl", newest.path, age, f'"{newest.number}"', headers)


def _certificate(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    certificate = service.authority(found["authority"]).certificate
    return Answer(200, "application/pkix-cert", certificate, max_age=86400)


def _bundle(service: "CaService", _asked: Asked, found: "re.Match[str]") -> Answer:
    """Every certificate of a CA and of those above it: renewed ones, links between generations, cross-certificates."""
    data = service.hierarchy.cross.bundle(found["authority"])
    return Answer(200, "application/pkcs7-mime", data, max_age=3600)


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


def _directory(service: "CaService", asked: Asked, _found: "re.Match[str]") -> Answer:
    """Certificate store access (RFC 4387 section 2): one certificate as it is, several as the parts of one answer."""
    try:
        ((attribute, value),) = parse_qsl(
            asked.query, keep_blank_values=True, strict_parsing=True, max_num_fields=1, errors="strict"
        )
        found = service.directory.find(attribute, value)
    except (Invalid, ValueError) as error:
        return text(400, error.text("en") if isinstance(error, Invalid) else "The query can not be read.")
    if len(found) == 1:
        return Answer(200, "application/pkix-cert", found[0], _CACHED_SECONDS)
    border = sha256(b"".join(found)).hexdigest()  # in no certificate: it is the digest of them all
    head = b"\r\nContent-Type: application/pkix-cert\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    parts = [b"--" + border.encode() + head + one + b"\r\n" for one in found]
    body = b"".join(parts) + b"--" + border.encode() + b"--\r\n"
    return Answer(200, f'multipart/mixed; boundary="{border}"', body, _CACHED_SECONDS)


def _healthy(_service: "CaService", _asked: Asked, _found: "re.Match[str]") -> Answer:
    return Answer(200, "application/json", b'{"status": "ok"}')


_ID = r"(?P<authority>[A-Za-z0-9][A-Za-z0-9._-]{0,59})"
# method, path as it came, what answers; OCSP has its desk
ROUTES: Sequence[tuple[str, "re.Pattern[str]", Route]] = (
    ("GET", re.compile(rf"/crl/{_ID}(?:/(?P<shard>[1-9]\d{{0,3}}))?(?P<delta>/delta)?\.crl"), _crl),
    ("GET", re.compile(rf"/ca/{_ID}\.cer"), _certificate),
    ("GET", re.compile(rf"/ca/{_ID}\.p7c"), _bundle),
    ("POST", re.compile(r"/tsa/?"), _stamp),
    ("GET", re.compile(r"/log/v1/(?P<what>[a-z/]{1,40})"), _log),
    ("GET", re.compile(r"/certificates/search\.cgi"), _directory),
    ("GET", re.compile(r"/healthz"), _healthy),
)


class StatusSite:
    """GET /crl/ID.crl, /ca/ID.cer (AIA), /ca/ID.p7c, /log/v1/…; GET and POST /ocsp; POST /tsa: what ROUTES names."""

    def __init__(self, service: "CaService") -> None:
        self._service = service
        self._desk = Desk(service.responder, service.clock)

    def quick(self, asked: Asked) -> Answer | None:
        return self._desk.quick(asked) if self.together(asked) else None

    def together(self, asked: Asked) -> bool:
        return asked.path.startswith(_OCSP)

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        if all(self.together(one) for one in asked):
            return self._desk.answers(asked)
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
