"""The signer's rules over keys, wherever the keys are: who may ask, what is signed, no serial twice."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ca.signer.approved import are_concerned, check_approvals, is_officers
from ca.signer.checks import FAULTS, read_certificate, serial_of
from ca.signer.crl_check import CrlCheck
from ca.signer.model import (
    PUBLIC,
    WHERE_POSSIBLE,
    ApprovalRules,
    KeyInfo,
    KeyRole,
    Purpose,
    SigningRefused,
    Warranted,
    check_role,
    refused,
)
from ca.signer.officers import Officers
from ca.signer.ports import Keys
from ca.signer.protocol import Octets, Parts, parts_of
from ca.signer.signed import Signed
from ca.signer.warrant import Credential, check_digest, digest_of, read_warrant, sign_header
from kernel.canonical import canonical_json
from kernel.clock import Clock, SystemClock
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.pki.algorithms import Algorithm, algorithm
from kernel.pki.der import MalformedDer


class Guarded:
    """Signer over ``keys``. In one process with its user it asks for the same as behind a socket."""

    def __init__(
        self,
        keys: Keys,
        credential: Credential,
        rules: ApprovalRules = WHERE_POSSIBLE,
        clock: Clock | None = None,
        officers: Officers | None = None,
        signed: Signed | None = None,
    ) -> None:
        self._officers = officers or Officers()
        self._signed = signed or Signed()
        self._keys = keys
        self._credential = credential
        self._rules = rules
        self._clock = clock or SystemClock()
        self._known: dict[str, KeyInfo] = {}

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        made = self._keys.generate(name, role, algorithm)
        self._known[name] = made
        return made

    def keys(self) -> Sequence[KeyInfo]:
        return self._keys.keys()

    def warrant(self, name: str, purpose: Purpose, tbs: Parts, **facts: Any) -> str:
        return canonical_json(
            self._credential.seal(sign_header(name, purpose, **facts), digest_of(tbs))
        ).decode()

    def sign(self, name: str, purpose: Purpose, tbs: Parts, warrant: str | None = None) -> bytes:
        made = self.warrant(name, purpose, tbs) if warrant is None else warrant
        header = read_warrant(made, name, purpose)
        return self.granted(header, parts_of(tbs))

    def sign_many(self, name: str, purpose: Purpose, many: Sequence[bytes]) -> list[bytes]:
        if purpose not in PUBLIC:  # whatever needs a warrant needs its own
            raise refused(self._key(name), purpose)
        return [self._keys.sign(name, purpose, tbs) for tbs in many]

    def sign_warranted(self, warranted: Sequence[Warranted]) -> list[bytes | WeichengError]:
        return [self._outcome(one) for one in warranted]

    def _outcome(self, one: Warranted) -> bytes | WeichengError:
        try:
            return self.sign(one.key, Purpose.CERTIFICATE, one.tbs, one.warrant)
        except WeichengError as error:
            return error

    def granted(self, header: Mapping[str, Any], pieces: Iterable[Octets]) -> bytes:
        """The signature that a request asks for; each piece is used before the next is taken.

        SigningRefused for who may not ask or what may not be signed, NotFound without the key, Invalid for other bytes.
        """
        name, purpose = str(header["name"]), Purpose(header["purpose"])
        if purpose in PUBLIC:
            return self._keys.sign(name, purpose, _joined(pieces))
        self._credential.check(header)
        key = self._key(name)
        check_role(key, purpose)
        row = algorithm(key.algorithm)
        if purpose is Purpose.CRL:
            return self._sign_list(key, row, header, pieces)
        tbs = _joined(pieces)
        check_digest(header, digest_of(tbs))
        if purpose is Purpose.CERTIFICATE:
            self._check_certificate(key, row, header, tbs)
        return self._keys.sign(name, purpose, tbs)

    def _sign_list(
        self, key: KeyInfo, row: Algorithm, header: Mapping[str, Any], pieces: Iterable[Octets]
    ) -> bytes:
        """A tbsCertList is checked while it passes by, and only its digest is kept; of Ed25519, which signs the whole, all."""
        watch = self._officers.watch(key.name)
        check = CrlCheck(key.spki, row, watch)
        bound, own, whole = hashlib.sha256(), hashlib.new(row.digest), bytearray()
        try:
            for piece in pieces:
                check.feed(piece)
                bound.update(piece)
                if row.family == "ed25519":
                    whole += piece
                elif row.digest != "sha256":
                    own.update(piece)
            check.finish()
        except MalformedDer as error:
            raise refused(key, Purpose.CRL) from error
        check_digest(header, bound.hexdigest())
        self._officers.note(key.name, watch.found)
        if row.family == "ed25519":
            return self._keys.sign(key.name, Purpose.CRL, bytes(whole))
        digest = bound if row.digest == "sha256" else own
        return self._keys.sign_digest(key.name, Purpose.CRL, digest.digest())

    def _key(self, name: str) -> KeyInfo:
        if name not in self._known:
            self._known[name] = self._keys.key(name)
        return self._known[name]

    def _check_certificate(self, key: KeyInfo, row: Algorithm, header: Mapping[str, Any], tbs: bytes) -> None:
        """What is in the certificate otherwise is for the keys themselves to check."""
        try:
            serial = serial_of(tbs)
            if are_concerned(self._rules, header, tbs):
                certificate = read_certificate(row, tbs)
                now = self._clock.now()
                check_approvals(self._rules, certificate, header, self._keys.keys(), self._officers, now)
                if is_officers(certificate):
                    self._officers.add(key.name, serial)
        except FAULTS as error:
            raise refused(key, Purpose.CERTIFICATE) from error
        digest = bytes.fromhex(header["digest"])
        if header.get("approvals") and not self._signed.approved(key.name, str(header["request"]), digest):
            raise SigningRefused(
                N_("What officers approved was signed already, as another certificate."),
                mend=N_("File a request anew; it is approved anew."),
                place=key.name,
            )
        if not self._signed.serial(key.name, serial, digest):
            raise SigningRefused(
                N_("Another certificate with the serial %(serial)s was signed already."),
                place=key.name,
                serial=f"{serial:032x}",
            )


def _joined(pieces: Iterable[Octets]) -> bytes:
    """The whole; each piece is copied before the next, which may take its place, is asked for."""
    whole = bytearray()
    for piece in pieces:
        whole += piece
    return bytes(whole)
