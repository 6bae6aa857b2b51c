"""Founding: a root, and the CAs below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509

from ca import store
from ca.hierarchy import lists
from ca.hierarchy.acts.base import Outcome, Tools, Work, active_root, told
from ca.hierarchy.orders import Order, der_of_key
from ca.hierarchy.plan import PlannedAuthority, planned_of
from ca.model import Authority, AuthorityKind
from ca.signer.model import KeyRole
from ca.writing import Wanted
from kernel.canonical import sha256_hex
from kernel.identity.model import Principal
from kernel.store import UnitOfWork


class MakeRoot:
    """The root's key and its certificate, here or on the other machine."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        planned = planned_of(plan["root"])
        subject = {"O": plan["organisation"], "CN": planned.name}
        offline = bool(plan["root"].get("offline"))
        order = self._tools.root_order(planned.id, planned.algorithm, subject, planned.years, offline=offline)
        return Work([order])

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        planned = planned_of(plan["root"])
        root = new_authority(
            planned, AuthorityKind.ROOT, planned.id, answers[0], None, work.orders[0].offline
        )
        self._tools.add(root)
        return Outcome({root.id: sha256_hex(answers[0])}, [told(root.id, answers[0])])


class MakeIssuing:
    """Keys here for CAs below the root, and their certificates; of an offline root also its revocation list."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def begin(self, uow: UnitOfWork, by: Principal, plan: Mapping[str, Any]) -> Work:
        root = active_root(store.read_authorities(uow.connection))
        orders: list[Order] = []
        serials: dict[str, str] = {}
        for planned in map(planned_of, plan["issuing"]):
            order, serials[planned.id] = self._ordered(uow, by, plan["organisation"], planned, root)
            orders.append(order)
        memo: dict[str, Any] = {"root": root.id, "serials": serials}
        if root.offline:
            listed, memo["list"] = lists.ordered(self._tools.lists, root, lists.YEAR)
            orders.append(listed)
        return Work(orders, memo)

    def _ordered(
        self, uow: UnitOfWork, by: Principal, organisation: str, planned: PlannedAuthority, root: Authority
    ) -> tuple[Order, str]:
        key = self._tools.key(planned.id, KeyRole.ISSUING, planned.algorithm)
        profile = self._tools.profile("issuing-ca", planned.years)
        subject = profile.complete_subject({"O": organisation, "CN": planned.name})
        return self._tools.certificate_order(uow, by, root, Wanted(profile, subject, (), key.spki, by.unit))

    def end(self, by: Principal, plan: Mapping[str, Any], work: Work, answers: Sequence[bytes]) -> Outcome:
        made: dict[str, str] = {}
        lines = []
        for planned, answer in zip(map(planned_of, plan["issuing"]), answers, strict=False):
            issued = self._tools.issued(work.memo["serials"][planned.id], answer, by)
            self._tools.add(
                new_authority(planned, AuthorityKind.ISSUING, planned.id, issued.der, work.memo["root"])
            )
            made[planned.id] = issued.fingerprint
            lines.append(told(planned.id, issued.der))
        if "list" in work.memo:
            root = self._tools.authority(work.memo["root"])
            lines.append(lists.taken(self._tools.lists, root, work.memo["list"], answers[-1], work, by))
        return Outcome(made, lines)


def new_authority(
    planned: PlannedAuthority,
    kind: AuthorityKind,
    key: str,
    certificate: bytes,
    parent: str | None,
    offline: bool = False,
) -> Authority:
    """The CA as it is founded, in its first generation."""
    own = x509.load_der_x509_certificate(certificate)
    return Authority(
        id=planned.id,
        name=planned.name,
        key=key,
        algorithm=planned.algorithm,
        certificate=certificate,
        subject=own.subject.public_bytes(),
        spki=der_of_key(own),
        parent=parent,
        kind=kind,
        profiles=planned.profiles,
        offline=offline,
    )
