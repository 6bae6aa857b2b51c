"""What keys in this process's own memory have in common, wherever they rest: their names, and how they sign."""

import re
from abc import ABC, abstractmethod

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca.signer.checks import check_signable
from ca.signer.model import KeyInfo, KeyRole, Purpose, check_role
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.pki import algorithms

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


def check_name(name: str) -> None:
    """Key names are small and plain: they appear in file entries, records and messages."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            N_("%(name)s is no name for a key."), mend=N_("Use a-z, 0-9, dot and hyphen."), name=name[:80]
        )


def key_info(name: str, role: KeyRole, algorithm: str, private: PrivateKeyTypes) -> KeyInfo:
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyInfo(name, role, algorithm, spki)


class SoftwareKeys(ABC):
    """Signs with private keys that ``_key`` finds by name; NotFound for a name that it does not have."""

    def key(self, name: str) -> KeyInfo:
        return self._key(name)[0]

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        info, private = self._key(name)
        row = algorithms.algorithm(info.algorithm)
        check_signable(info, row, purpose, tbs)
        return algorithms.sign(private, row, tbs)

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        info, private = self._key(name)
        check_role(info, purpose)
        return algorithms.sign_digest(private, algorithms.algorithm(info.algorithm), digest)

    @abstractmethod
    def _key(self, name: str) -> tuple[KeyInfo, PrivateKeyTypes]: ...
