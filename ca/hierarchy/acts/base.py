"""What acts are made of: an act orders signatures, which are made here or on another machine, and then uses the answers.

``begin`` runs in one transaction that keeps the orders and what they are for, ``end`` can be repeated after a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509

from ca import store
from ca.encoding import certificate as encoding
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.orders import Order, OrderKind, RootShape, key_of
from ca.issuance import Issuance
from ca.model import Authority, AuthorityKind, AuthorityState, Certificate
from ca.ports import Signer
from ca.profiles import Profile, Profiles
from ca.profiles.extensions import constant_extensions
from ca.signer.model import KeyInfo, KeyRole
from ca.status.making import ListMaker
from ca.writing import Wanted, self_signed
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki import algorithms
from kernel.pki.names import name_text
from kernel.store import Database, UnitOfWork

YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class Work:
    """Orders, and what their answers are for (JSON)."""

    orders: Sequence[Order] = ()
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What an act came to: CAs that were made or changed with the SHA-256 of their certificates, lines for the minutes."""

    authorities: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()


class Acting(Protocol):
    """One kind of act."""

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work: ...
    def end(
        self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]
    ) -> Outcome: ...


class Tools:
    """What every act needs: the register, keys, certificates of CAs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signer: Signer,
        profiles: Profiles,
        issuance: Issuance,
        lists: ListMaker,
    ) -> None:
        self.database = database
        self.clock = clock
        self.signer = signer
        self.lists = lists
        self._profiles = profiles
        self._issuance = issuance

    # --- orders
    def root_order(
        self, key: str, kind: str, subject: Mapping[str, str], years: int, *, offline: bool
    ) -> Order:
        """A new root with a key of that name; its shape is tried with a key that is thrown away."""
        profile = self.profile("root", years)
        row = algorithms.algorithm(kind)
        spki = encoded_key(algorithms.generate(row))
        now = self.clock.now()
        draft = self_signed(Wanted(profile, profile.complete_subject(subject), (), spki, ""), row, now)
        name = draft.name.public_bytes()
        constant = b"".join(encoding.encode_extension(*one) for one in constant_extensions(profile))
        shape = RootShape(name, constant, draft.serial, draft.not_before, draft.not_after)
        return Order(OrderKind.ROOT, kind, key, offline, root=shape)

    def certificate_order(
        self, uow: UnitOfWork, by: Principal, issuer: Authority, wanted: Wanted
    ) -> tuple[Order, str]:
        """The order for a certificate whose intent is stored with it, and its serial."""
        token = self._issuance.prepare(uow, by, issuer, wanted)
        return Order.by(issuer, OrderKind.CERTIFICATE, token.tbs), token.serial

    def issued(self, serial: str, signature: bytes, by: Principal) -> Certificate:
        """The certificate with its signature, in the register."""
        return self._issuance.finish(serial, signature, by)

    def key(self, name: str, role: KeyRole, kind: str) -> KeyInfo:
        return key_of(self.signer, name, role, kind)

    def profile(self, profile_id: str, years: int = 0) -> Profile:
        """The profile; its certificates for that many years."""
        profile = self._profiles.get(profile_id)
        return replace(profile, validity=YEAR * years) if years else profile

    # --- the register
    def authority(self, authority_id: str) -> Authority:
        with self.database.read() as connection:
            return store.read_authority(connection, authority_id)

    def known(self, authority_id: str) -> bool:
        """Whether that CA is founded, perhaps by work that broke off."""
        with self.database.read() as connection:
            return any(one.id == authority_id for one in store.read_authorities(connection))

    def add(self, authority: Authority) -> None:
        """Store a new CA, unless work that broke off has done so."""
        if self.known(authority.id):
            return
        with self.database.begin() as uow:
            hierarchy_store.add_authority(uow.connection, authority, self.clock.now())


def active_root(authorities: Sequence[Authority]) -> Authority:
    """The root whose key signs now; Conflict before there is one."""
    for one in authorities:
        if one.kind is AuthorityKind.ROOT and one.state is AuthorityState.ACTIVE:
            return one
    raise Conflict(
        N_("There is no root yet."), mend=N_("Found one by a ceremony: weicheng ca ceremony propose.")
    )


def encoded_key(private: Any) -> bytes:
    """DER SubjectPublicKeyInfo of a private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def told(name: str, certificate: bytes) -> str:
    """A line for the minutes."""
    own = x509.load_der_x509_certificate(certificate)
    return (
        f"{name}: {name_text(own.subject)}; serial {own.serial_number:032x}; "
        f"{own.not_valid_before_utc.isoformat()} – {own.not_valid_after_utc.isoformat()}; "
        f"SHA-256 {sha256_hex(certificate)}"
    )


def period_of(certificate: bytes) -> tuple[datetime, datetime]:
    own = x509.load_der_x509_certificate(certificate)
    return own.not_valid_before_utc, own.not_valid_after_utc
