"""A CA's certificate is renewed for the same key, or its key is rolled over to a next generation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cryptography import x509

from ca import store
from ca.encoding import certificate as encoding
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.acts.base import Outcome, Tools, Work, active_root, period_of, told
from ca.hierarchy.acts.founding import new_authority
from ca.hierarchy.model import OwnKind
from ca.hierarchy.orders import Order, OrderKind
from ca.hierarchy.plan import PlannedAuthority
from ca.model import Authority, AuthorityKind, AuthorityState
from ca.signer.model import KeyRole
from ca.writing import Wanted, self_signed
from kernel.canonical import sha256_hex
from kernel.identity.model import Principal
from kernel.pki.algorithms import algorithm, verify
from kernel.store import UnitOfWork


class Renew:
    """A new certificate for the same name and key, so that what the CA has signed verifies with the old and the new one."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        authority = store.read_authority(uow.connection, plan["authority"])
        if authority.kind is AuthorityKind.ROOT:
            profile = self._tools.profile("root", plan["years"])
            draft = self_signed(
                self._wanted(authority, profile, by), algorithm(authority.algorithm), self._tools.clock.now()
            )
            return Work([Order.by(authority, OrderKind.CERTIFICATE, draft.tbs)])
        issuer = active_root(store.read_authorities(uow.connection))
        profile = self._tools.profile("issuing-ca", plan["years"])
        wanted = self._wanted(authority, profile, by)
        order, serial = self._tools.certificate_order(uow, by, issuer, wanted)
        return Work([order], {"serial": serial, "parent": issuer.id})

    @staticmethod
    def _wanted(authority: Authority, profile: Any, by: Principal) -> Wanted:
        own = x509.load_der_x509_certificate(authority.certificate)
        return Wanted(profile, {}, (), authority.spki, by.unit, called=own.subject)

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        authority = self._tools.authority(plan["authority"])
        if "serial" in work.memo:
            made = self._tools.issued(work.memo["serial"], answers[0], by).der
        else:
            row = algorithm(authority.algorithm)
            verify(authority.spki, row.digest, answers[0], work.orders[0].tbs)
            made = encoding.signed(work.orders[0].tbs, row.identifier, answers[0])
        self._put(authority, made, work.memo.get("parent", authority.parent))
        return Outcome({authority.id: sha256_hex(made)}, [told(authority.id, made)])

    def _put(self, authority: Authority, certificate: bytes, parent: str | None) -> None:
        with self._tools.database.begin() as uow:
            held = hierarchy_store.read_certificates(uow.connection, authority.id)
            if sha256_hex(certificate) in {one.fingerprint for one in held}:
                return
            values = {"certificate": certificate, "parent": parent}
            hierarchy_store.change_authority(uow.connection, authority.id, **values)
            hierarchy_store.add_certificate(
                uow.connection, authority.id, OwnKind.OWN, certificate, self._tools.clock.now()
            )


class MakeSuccessor:
    """The next generation with a key of its own; the old one signs only CRLs and its responder's certificate from then on."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        old = store.read_authority(uow.connection, plan["authority"])
        subject = subject_of(old.certificate) | {"CN": plan["name"]}
        if old.kind is AuthorityKind.ROOT:
            order = self._tools.root_order(
                plan["successor"], plan["algorithm"], subject, plan["years"], offline=plan["offline"]
            )
            return Work([order])
        issuer = active_root(store.read_authorities(uow.connection))
        key = self._tools.key(plan["successor"], KeyRole.ISSUING, plan["algorithm"])
        profile = self._tools.profile("issuing-ca", plan["years"])
        wanted = Wanted(profile, profile.complete_subject(subject), (), key.spki, by.unit)
        order, serial = self._tools.certificate_order(uow, by, issuer, wanted)
        return Work([order], {"serial": serial, "parent": issuer.id})

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        old = self._tools.authority(plan["authority"])
        serial = work.memo.get("serial")
        made = self._tools.issued(serial, answers[0], by).der if serial else answers[0]
        planned = PlannedAuthority(
            plan["successor"], plan["name"], plan["algorithm"], plan["years"], old.profiles
        )
        fresh = new_authority(
            planned, old.kind, plan["successor"], made, work.memo.get("parent"), work.orders[0].offline
        )
        self._tools.add(replace(fresh, generation=old.generation + 1, predecessor=old.id))
        with self._tools.database.begin() as uow:
            hierarchy_store.change_authority(uow.connection, old.id, state=str(AuthorityState.RETIRING))
        return Outcome({fresh.id: sha256_hex(made)}, [told(fresh.id, made), f"{old.id}: retiring"])


class LinkGenerations:
    """Two link certificates (RFC 4210 section 4.4), so that who trusts either root can verify what is below the other."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        old = store.read_authority(uow.connection, plan["authority"])
        new = store.read_authority(uow.connection, plan["successor"])
        old_period, new_period = period_of(old.certificate), period_of(new.certificate)
        asked = (
            (old, new, (new_period[0], old_period[1])),  # NewWithOld
            (new, old, old_period),  # OldWithNew
        )
        made = [self._ordered(uow, by, *one) for one in asked]
        return Work([order for order, _ in made], {"serials": [serial for _, serial in made]})

    def _ordered(
        self, uow: UnitOfWork, by: Principal, issuer: Authority, subject: Authority, period: Any
    ) -> tuple[Order, str]:
        name = x509.load_der_x509_certificate(subject.certificate).subject
        profile = self._tools.profile("root")
        wanted = Wanted(profile, {}, (), subject.spki, by.unit, called=name, period=period)
        return self._tools.certificate_order(uow, by, issuer, wanted)

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        kinds = (
            (OwnKind.NEW_WITH_OLD, plan["successor"]),
            (OwnKind.OLD_WITH_NEW, plan["authority"]),
        )
        lines = []
        for (kind, subject), serial, answer in zip(kinds, work.memo["serials"], answers, strict=True):
            made = self._tools.issued(serial, answer, by)
            self._put(subject, kind, made.der)
            lines.append(told(str(kind), made.der))
        return Outcome({}, lines)

    def _put(self, authority: str, kind: OwnKind, der: bytes) -> None:
        with self._tools.database.begin() as uow:
            held = hierarchy_store.read_certificates(uow.connection, authority)
            if sha256_hex(der) not in {one.fingerprint for one in held}:
                now = self._tools.clock.now()
                hierarchy_store.add_certificate(uow.connection, authority, kind, der, now)


def subject_of(certificate: bytes) -> dict[str, str]:
    """Organisation and common name of a CA of ours."""
    from cryptography.x509.oid import NameOID

    own = x509.load_der_x509_certificate(certificate).subject
    named = (("O", NameOID.ORGANIZATION_NAME), ("CN", NameOID.COMMON_NAME))
    return {key: str(own.get_attributes_for_oid(oid)[0].value) for key, oid in named}
