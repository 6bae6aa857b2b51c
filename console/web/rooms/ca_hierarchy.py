"""The hierarchy on its pages: a picture of all CAs, a CA's certificates, a ceremony's steps, what an offline CA is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from flask import url_for

from ca.hierarchy.model import OwnCertificate, OwnKind
from ca.model import Authority, AuthorityKind
from ca.resources.ceremonies import CeremonyRecord
from ca.resources.hierarchy import AuthorityRecord
from ca.resources.labels import AUTHORITY_STATES, OWN_KINDS, step_title
from ca.resources.offline import OfflineRecord
from console.compose.app import App
from console.web.engine.links import item_url
from console.web.pictures import Edge, Graph, Node
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.pki.names import name_text


def of_authority(app: App, principal: Principal, record: AuthorityRecord) -> Mapping[str, Any]:
    """The picture of the hierarchy and every certificate of this CA."""
    held = app.ca.hierarchy.cross.certificates(principal, record.id)
    return {
        "picture": graph(app, principal),
        "svg_url": url_for("ca.hierarchy_svg"),
        "rows": [_certificate(one) for one in held],
    }


def graph(app: App, principal: Principal) -> Graph:
    """All CAs: who certified whom, which key followed which, who above us certified ours."""
    known = app.ca.authorities()
    nodes = tuple(
        Node(one.id, one.name, tone=_tone(one), url=item_url("ca.authorities", one.id)) for one in known
    )
    signed, followed = translate(N_("has signed")), translate(N_("is followed by"))
    edges = [Edge(one.parent, one.id, signed) for one in known if one.parent]
    edges += [Edge(one.predecessor, one.id, followed) for one in known if one.predecessor]
    edges += _crossed(known, app.ca.hierarchy.cross.certificates(principal, ""))
    return Graph(translate(N_("Hierarchy")), nodes, tuple(edges))


def of_ceremony(app: App, principal: Principal, record: CeremonyRecord) -> Mapping[str, Any]:
    """Every step with who did it when, and what came of it."""
    found = app.ca.ceremonies.show(principal, record.id)
    names = {one.id: one.name for one in app.ca.authorities()}
    return {
        "rows": [
            (step, step_title(step), names.get(step.about, step.about), (step.result or {}).get("lines", ()))
            for step in found.steps
        ]
    }


def of_request(app: App, principal: Principal, record: OfflineRecord) -> Mapping[str, Any]:
    """What is to be signed, as the other machine shows it."""
    return {"lines": app.ca.hierarchy.offline.described(principal, record.id)}


def _crossed(known: Sequence[Authority], held: Sequence[OwnCertificate]) -> list[Edge]:
    """From a superior CA to the one of ours that it has certified."""
    above = {one.subject: one.id for one in known if one.kind is AuthorityKind.SUPERIOR}
    given = [one for one in held if one.kind is OwnKind.CROSS]
    issuers = [
        (x509.load_der_x509_certificate(one.der).issuer.public_bytes(), one.authority) for one in given
    ]
    label = translate(N_("cross-certificate"))
    return [Edge(above[issuer], ours, label) for issuer, ours in issuers if issuer in above]


def _certificate(one: OwnCertificate) -> Mapping[str, Any]:
    own = x509.load_der_x509_certificate(one.der)
    return {
        "label": OWN_KINDS[one.kind],
        "issuer": name_text(own.issuer),
        "not_before": own.not_valid_before_utc,
        "not_after": own.not_valid_after_utc,
        "fingerprint": one.fingerprint,
    }


def _tone(authority: Authority) -> str:
    return AUTHORITY_STATES[authority.state].tone.value
