"""Certificates in the network: what was seen where, and what is wrong."""

from datetime import datetime
from typing import Any

from ca.inventory.model import Endpoint, Finding
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Label,
    Labels,
    Link,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import SEVERITIES, UNIT, Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
ORIGINS: Labels = {
    "ours": Label(N_("issued by us"), Tone.GOOD),
    "trusted": Label(N_("of a CA that is trusted"), Tone.GOOD),
    "foreign": Label(N_("of a foreign CA"), Tone.WARN),
    "self_signed": Label(N_("self-signed"), Tone.WARN),
    "unknown": Label(N_("in our name, not issued by us"), Tone.BAD),
}
FAULTS: Labels = {
    "unknown": Label(N_("in our name, not issued by us"), Tone.BAD),
    "revoked": Label(N_("revoked and still at work"), Tone.BAD),
    "expired": Label(N_("past its end"), Tone.BAD),
    "weak_key": Label(N_("key too short"), Tone.BAD),
    "weak_signature": Label(N_("signed with a weak digest"), Tone.BAD),
    "not_yet_valid": Label(N_("its time has not begun"), Tone.WARN),
    "weak_curve": Label(N_("unusual elliptic curve"), Tone.WARN),
    "foreign": Label(N_("of a foreign CA"), Tone.WARN),
    "shared_key": Label(N_("same key at several hosts"), Tone.WARN),
    "name_mismatch": Label(N_("not for this host's name"), Tone.WARN),
    "incomplete_chain": Label(N_("sent without its issuers"), Tone.WARN),
    "old_protocol": Label(N_("nothing newer than TLS 1.1"), Tone.WARN),
    "self_signed": Label(N_("self-signed"), Tone.WARN),
    "expires_soon": Label(N_("ends soon"), Tone.WARN),
}
FINDING_STATES: Labels = {
    "open": Label(N_("open"), Tone.BAD),
    "taken": Label(N_("taken on"), Tone.BUSY),
    "gone": Label(N_("gone"), Tone.GOOD),
}
SOURCES: Labels = {"scan": Label(N_("scan")), "monitor": Label(N_("monitoring"))}
PRESENT: Labels = {"yes": Label(N_("answers")), "no": Label(N_("answers no more"))}


# --- endpoints
class EndpointRecord(Record):
    id: str
    server_name: str
    subject: str
    issuer: str
    origin: str
    faults: tuple[str, ...]
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    signature: str
    serial: str
    fingerprint: str
    key_digest: str
    unit: str
    unit_name: str
    source: str
    tls: str
    chain: int
    first_seen: datetime
    last_seen: datetime
    gone_at: datetime | None


def endpoint_record(found: Endpoint) -> EndpointRecord:
    facts = (
        "subject",
        "issuer",
        "names",
        "not_before",
        "not_after",
        "key",
        "signature",
        "fingerprint",
        "key_digest",
    )
    own = (
        "id",
        "server_name",
        "serial",
        "unit",
        "unit_name",
        "source",
        "tls",
        "first_seen",
        "last_seen",
        "gone_at",
    )
    return EndpointRecord(
        **{name: getattr(found.facts, name) for name in facts},
        **{name: getattr(found, name) for name in own},
        origin=str(found.origin),
        faults=tuple(str(fault) for fault in found.faults),
        chain=len(found.chain),
    )


def _endpoints(app: Any, principal: Principal, ask: Ask) -> Page[EndpointRecord]:
    return app.ca.inventory.page(principal, ask).map(endpoint_record)  # type: ignore[no-any-return]


def _endpoint(app: Any, principal: Principal, endpoint_id: str) -> EndpointRecord:
    return endpoint_record(app.ca.inventory.show(principal, endpoint_id))


def _chain(app: Any, principal: Principal, endpoint_id: str) -> File:
    from kernel.pki.pem import pem_of

    found = app.ca.inventory.show(principal, endpoint_id)
    name = endpoint_id.replace(":", "_").strip("[]")
    return File(f"{name}.pem", "application/x-pem-file", b"".join(map(pem_of, found.chain)))


def _scan(app: Any, principal: Principal, _id: str, _given: Any) -> Done:
    return Done(N_("The network is being scanned."), job=app.ca.inventory.request(principal))


ENDPOINTS = Resource(
    name="ca.endpoints",
    title=N_("Certificates in the network"),
    one=N_("Certificate at an endpoint"),
    permission=_P.CA_INVENTORY_READ,
    record=EndpointRecord,
    page=_endpoints,
    item=_endpoint,
    headline="id",
    columns=(
        Column("id", N_("Endpoint"), Cell.CODE),
        Column("server_name", N_("Name asked for")),
        Column("subject", N_("Subject name")),
        Column("origin", N_("Who issued it"), Cell.STATE, ORIGINS),
        Column("faults", N_("What is wrong"), Cell.LIST, FAULTS),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="expires"),
        Column("unit_name", N_("Unit that answers for it")),
        Column("last_seen", N_("Last seen"), Cell.TIME),
        Column("issuer", N_("Issuer name"), shown=False),
        Column("names", N_("Alternative names"), Cell.LIST, shown=False),
        Column("key", N_("Key algorithm"), Cell.CODE, shown=False),
        Column("signature", N_("Signature algorithm"), Cell.CODE, shown=False),
        Column(
            "serial", N_("Certificate of our register"), Cell.CODE, shown=False, link=Link("ca.certificates")
        ),
        Column("fingerprint", N_("SHA-256"), Cell.CODE, shown=False),
        Column("key_digest", N_("Digest of the public key (SHA-256)"), Cell.CODE, shown=False),
        Column("tls", N_("TLS version"), Cell.CODE, shown=False),
        Column("chain", N_("Certificates sent"), Cell.NUMBER, shown=False),
        Column("source", N_("Seen by"), Cell.STATE, SOURCES, shown=False),
        Column("not_before", N_("Valid from"), Cell.TIME, shown=False),
        Column("first_seen", N_("First seen"), Cell.TIME, shown=False),
        Column("gone_at", N_("Answers no more since"), Cell.TIME, shown=False),
    ),
    filters=(
        Filter("origin", N_("Who issued it"), labels=ORIGINS),
        Filter("fault", N_("What is wrong"), labels=FAULTS),
        Filter("present", N_("Presence"), labels=PRESENT),
        UNIT,
        Filter("source", N_("Seen by"), labels=SOURCES),
        Filter("expires_before", N_("Ends before"), FilterKind.TIME),
        Filter("expires_after", N_("Ends after"), FilterKind.TIME),
        Filter("issuer", N_("Issuer name"), FilterKind.TEXT),
        Filter("serial", N_("Certificate of our register"), FilterKind.TEXT),
        Filter("fingerprint", N_("SHA-256"), FilterKind.TEXT),
        Filter("key", N_("Digest of the public key (SHA-256)"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "scan",
            N_("Scan now"),
            _P.CA_INVENTORY_WORK,
            _scan,
            on=On.LIST,
            key="o",
            explain=N_("All ranges of your units are scanned; the job tells how far it is."),
        ),
    ),
    downloads=(
        Download(
            "chain",
            N_("Chain as it was sent (PEM)"),
            _P.CA_INVENTORY_READ,
            _chain,
            lambda record: record.chain > 0,
        ),
    ),
    related=(
        Related(
            N_("What is wrong with certificates"),
            "ca.inventory-findings",
            lambda record: {"endpoint": record.id},
        ),
        Related(N_("The same key elsewhere"), "ca.endpoints", lambda record: {"key": record.key_digest}),
    ),
    sort="expires",
    facet="origin",
    empty=N_("No certificate was seen in the network yet. Add a range and scan it."),
    audited=False,
)


# --- findings
class InventoryFindingRecord(Record):
    id: str
    endpoint: str
    fault: str
    severity: str
    state: str
    subject: str
    unit: str
    unit_name: str
    first_seen: datetime
    last_seen: datetime
    note: str


def finding_record(found: Finding) -> InventoryFindingRecord:
    return InventoryFindingRecord(**vars(found) | {"fault": str(found.fault), "state": str(found.state)})


def _findings(app: Any, principal: Principal, ask: Ask) -> Page[InventoryFindingRecord]:
    return app.ca.inventory.findings.page(principal, ask).map(finding_record)  # type: ignore[no-any-return]


def _finding(app: Any, principal: Principal, finding_id: str) -> InventoryFindingRecord:
    return finding_record(app.ca.inventory.findings.show(principal, finding_id))


def _take(app: Any, principal: Principal, finding_id: str, given: Reason) -> Done:
    moved = app.ca.inventory.findings.take(principal, finding_id, given.reason)
    return Done(N_("The finding is taken on."), record=finding_record(moved), id=finding_id)


def _reopen(app: Any, principal: Principal, finding_id: str, given: Reason) -> Done:
    moved = app.ca.inventory.findings.reopen(principal, finding_id, given.reason)
    return Done(N_("The finding is open again."), record=finding_record(moved), id=finding_id)


FINDINGS = Resource(
    name="ca.inventory-findings",
    title=N_("What is wrong with certificates"),
    one=N_("Finding of the certificate inventory"),
    permission=_P.CA_INVENTORY_READ,
    record=InventoryFindingRecord,
    page=_findings,
    item=_finding,
    headline="endpoint",
    columns=(
        Column("endpoint", N_("Endpoint"), Cell.CODE, link=Link("ca.endpoints")),
        Column("fault", N_("What is wrong"), Cell.STATE, FAULTS),
        Column("severity", N_("Severity"), Cell.STATE, SEVERITIES, sort="weight"),
        Column("state", N_("State"), Cell.STATE, FINDING_STATES),
        Column("subject", N_("Subject name")),
        Column("unit_name", N_("Unit that answers for it")),
        Column("first_seen", N_("First seen"), Cell.TIME),
        Column("last_seen", N_("Last seen"), Cell.TIME, shown=False),
        Column("note", N_("Note"), Cell.LONG, shown=False),
        Column("id", N_("Finding number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=FINDING_STATES),
        Filter("fault", N_("What is wrong"), labels=FAULTS),
        Filter("severity", N_("Severity"), labels=SEVERITIES),
        UNIT,
        Filter("endpoint", N_("Endpoint"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "take",
            N_("Take on"),
            _P.CA_INVENTORY_WORK,
            _take,
            Reason,
            when=lambda record: record.state == "open",
            bulk=True,
            key="m",
        ),
        Verb(
            "reopen",
            N_("Give back"),
            _P.CA_INVENTORY_WORK,
            _reopen,
            Reason,
            when=lambda record: record.state == "taken",
            bulk=True,
        ),
    ),
    sort="-weight",
    facet="state",
    empty=N_("Nothing is wrong with the certificates that were seen."),
)
