"""A certificate for a foreign CA, or of a superior one for ours; which profiles a CA issues; a CA that issues no more."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509

from ca import store
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.acts.base import Outcome, Tools, Work, active_root, told
from ca.hierarchy.constraints import name_constraints
from ca.hierarchy.model import OwnKind
from ca.hierarchy.orders import der_of_key
from ca.hierarchy.superior import superior_of
from ca.model import AuthorityState
from ca.writing import Wanted
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.identity.model import Principal
from kernel.store import UnitOfWork


class Certify:
    """A certificate of our root for a foreign CA, within the names that the plan allows (RFC 5280 section 4.2.1.10)."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        issuer = active_root(store.read_authorities(uow.connection))
        csr = x509.load_der_x509_csr(b64decode(plan["csr"]))
        profile = self._tools.profile("cross-ca", plan["years"])
        more = ((name_constraints(plan["permitted"]), True),)
        wanted = Wanted(profile, {}, (), der_of_key(csr), by.unit, called=csr.subject, more=more)
        order, serial = self._tools.certificate_order(uow, by, issuer, wanted)
        return Work([order], {"serial": serial})

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        made = self._tools.issued(work.memo["serial"], answers[0], by)
        return Outcome({}, [told(plan["title"], made.der), f"certificate:{made.serial}"])


class Adopt:
    """What a superior CA gave is held from now on: our certificate, and the CAs above it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        store.read_authority(uow.connection, plan["authority"])
        return Work()

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        own, *above = (b64decode(one) for one in plan["certificates"])
        digests = [sha256_hex(one) for one in (own, *above)]
        now = self._tools.clock.now()
        with self._tools.database.begin() as uow:
            connection = uow.connection
            known = {one.certificate for one in store.read_authorities(connection)}
            for one in reversed(above):  # the root first
                if one not in known:
                    store.add_authority(connection, superior_of(one), now)
            held = {
                one.fingerprint for one in hierarchy_store.read_certificates(connection, plan["authority"])
            }
            if digests[0] not in held:
                hierarchy_store.add_certificate(connection, plan["authority"], OwnKind.CROSS, own, now)
                target = f"authority:{plan['authority']}"
                uow.audit(by, AuditAction.CA_CROSS_ADOPT, target, details={"sha256": digests})
        return Outcome({}, [told(plan["authority"], own), *(told("↑", one) for one in above)])


class Assign:
    """Which profiles a CA issues from now on."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        store.read_authority(uow.connection, plan["authority"])
        return Work()

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        with self._tools.database.begin() as uow:
            hierarchy_store.change_authority(uow.connection, plan["authority"], profiles=plan["profiles"])
        return Outcome({}, [f"{plan['authority']}: {', '.join(plan['profiles']) or '–'}"])


class Retire:
    """A CA issues no more; once nothing that it has issued is in its time, it signs nothing at all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        store.read_authority(uow.connection, plan["authority"])
        return Work()

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        state = AuthorityState(plan["state"])
        with self._tools.database.begin() as uow:
            hierarchy_store.change_authority(uow.connection, plan["authority"], state=str(state))
        return Outcome({}, [f"{plan['authority']}: {state}"])
