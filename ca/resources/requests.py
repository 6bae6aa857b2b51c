"""Requests: filed by a registrar, decided by a second person, the key made here handed over once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.encoding.names import name as distinguished_name
from ca.model import Certificate, Request
from ca.registration.papers import Handed
from ca.resources.filing import FileRequest, names_of, papers_of, shaped, subject_of
from ca.resources.labels import (
    PROFILE,
    REQUEST_STATES,
    applicants_profiles,
    profile_titles,
    signature_field,
)
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    HandedOver,
    Input,
    Label,
    Link,
    On,
    Record,
    Related,
    Resource,
    Shape,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import name_text
from kernel.store.listing import Ask, Page


class RequestRecord(Record):
    id: str
    common_name: str
    subject: str
    names: tuple[str, ...]
    profile: str
    profile_title: str
    profile_version: str
    unit: str
    unit_name: str
    state: str
    requested_by: str
    requester: str
    filed_at: datetime
    evidence: str
    own_key: bool
    key_waiting: bool
    replaces: str
    approval: str


class Approve(Input):
    reason: str = Field(
        "", max_length=500, title=N_("Remark for the audit trail"), json_schema_extra={"widget": "area"}
    )
    signature: Base64Bytes | None = signature_field()


class Attach(Input):
    paper: Base64Bytes = Field(
        title=N_("Identity paper"),
        description=N_("PDF, PNG or JPEG of at most 4 MiB. Kept encrypted; who looks at it is recorded."),
        json_schema_extra={"widget": "file"},
    )
    paper_name: str = Field(
        "", max_length=255, title=N_("Name of the paper's file"), json_schema_extra={"widget": "hidden"}
    )


class Phrase(Input):
    phrase: str = Field(
        "",
        max_length=100,
        title=N_("Pass-phrase for the telephone"),
        description=N_("The holder types it; left empty, one is made and shown once."),
        json_schema_extra={"widget": "secret"},
    )


class Deliver(Input):
    password: str = Field(
        "",
        max_length=128,
        title=N_("Password of the file"),
        description=N_(
            "The applicant types it, at least 12 characters. Left empty, one is made, which a colleague tells."
        ),
        json_schema_extra={"widget": "secret"},
    )


def request_record(request: Request, titles: Mapping[str, str]) -> RequestRecord:
    return RequestRecord(
        id=request.id,
        common_name=request.subject.get("CN", ""),
        subject=name_text(distinguished_name(request.subject)),
        names=request.names,
        profile=request.profile,
        profile_title=titles.get(request.profile, request.profile),
        profile_version=request.profile_version,
        unit=request.unit,
        unit_name=request.unit_name or request.unit,
        state=str(request.state),
        requested_by=request.requested_by,
        requester=request.requester or request.requested_by,
        filed_at=request.filed_at,
        evidence=request.evidence,
        own_key=request.own_key,
        key_waiting=request.key_waiting,
        replaces=request.replaces or "",
        approval=request.approval,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[RequestRecord]:
    titles = profile_titles(app, principal)
    page = app.ca.registration.page(principal, ask)
    return page.map(lambda one: request_record(one, titles))  # type: ignore[no-any-return]


def _record(app: Any, principal: Principal, request: Request) -> RequestRecord:
    return request_record(request, profile_titles(app, principal))


def _item(app: Any, principal: Principal, request_id: str) -> RequestRecord:
    return _record(app, principal, app.ca.registration.show(principal, request_id))


def _file(app: Any, principal: Principal, _id: str, given: Any) -> Done:
    filed = app.ca.registration.file(
        principal,
        profile=given.profile,
        subject=subject_of(given),
        names=names_of(given),
        unit=given.unit,
        evidence=given.evidence,
        csr=getattr(given, "csr", None),
        papers=papers_of(given),
        phrase=given.phrase or None,
    )
    return Done(
        N_("The request is filed; a second person has to approve it."),
        record=_record(app, principal, filed),
        id=filed.id,
    )


_AT_ONCE = N_(
    'This profile needs no approval: with a signing request, "Issue at once" above the issued certificates is quicker. What is'
    " filed here is approved by a second person all the same."
)


def _form_of(app: Any, _principal: Principal, profile_id: str) -> Shape:
    profile = app.ca.profiles.get(profile_id)
    return Shape(shaped(profile), "" if profile.approvals else _AT_ONCE)


def _initial(app: Any, principal: Principal, _id: str) -> Mapping[str, Any]:
    return {"unit": principal.unit, "organisation": app.settings.organisation}


def _approve(app: Any, principal: Principal, request_id: str, given: Approve) -> Done:
    result = app.ca.registration.approve(principal, request_id, given.reason, given.signature)
    record = _item(app, principal, request_id)
    if isinstance(result, Certificate):
        return Done(
            N_("Approved; certificate %(serial)s is issued."),
            {"serial": result.serial},
            record=record,
            id=request_id,
        )
    return Done(N_("Approved; one more person has to."), record=record, id=request_id)


def _approved(app: Any, principal: Principal, request_id: str) -> list[str]:
    """What an approval is given for; nothing for many at once."""
    if not request_id:
        return []
    record = _item(app, principal, request_id)
    about = {"profile": record.profile_title, "unit": record.unit_name, "subject": record.subject}
    lines = [translate(N_("%(profile)s for %(subject)s, unit %(unit)s"), **about)]
    if record.names:
        lines.append(translate(N_("Alternative names: %(names)s"), names=", ".join(record.names)))
    checked = {"requester": record.requester, "evidence": record.evidence}
    lines.append(translate(N_("%(requester)s has checked the identity: %(evidence)s"), **checked))
    if app.ca.registration.signature_wanted(principal):
        lines.append(
            translate(N_("You have an officer's certificate: this approval has to bear its signature."))
        )
    return lines


def _document(app: Any, principal: Principal, request_id: str) -> File:
    document = app.ca.registration.approval_document(principal, request_id)
    return File(f"{request_id}.json", "application/json", document)


def _reject(app: Any, principal: Principal, request_id: str, given: Reason) -> Done:
    rejected = app.ca.registration.reject(principal, request_id, given.reason)
    return Done(N_("The request is turned down."), record=_record(app, principal, rejected), id=request_id)


def _attach(app: Any, principal: Principal, request_id: str, given: Attach) -> Done:
    app.ca.registration.papers.attach(
        principal, request_id, [Handed(given.paper_name or "paper", given.paper)]
    )
    return Done(N_("The paper is attached."), record=_item(app, principal, request_id), id=request_id)


def _phrase(app: Any, principal: Principal, request_id: str, given: Phrase) -> Done:
    phrase = app.ca.telephone.set(principal, request_id, given.phrase or None)
    return Done(
        N_("The pass-phrase for the telephone is set."),
        record=_item(app, principal, request_id),
        id=request_id,
        secrets={} if given.phrase else {N_("Pass-phrase for the telephone"): phrase},
    )


def _deliver(app: Any, principal: Principal, request_id: str, given: Deliver) -> Done:
    data = app.ca.registration.deliver_pkcs12(principal, request_id, given.password or None)
    message = (
        N_("The key is handed over and kept here no longer.")
        if given.password
        else N_("The key is handed over. A colleague tells the applicant the password of the file.")
    )
    return Done(message, id=request_id, file=HandedOver(f"{request_id}.p12", "application/x-pkcs12", data))


def _password(app: Any, principal: Principal, request_id: str, _given: Any) -> Done:
    password = app.ca.registration.tell_password(principal, request_id)
    return Done(
        N_("Tell the applicant the password, by another way than the file."),
        id=request_id,
        secrets={N_("Password of the file"): password},
    )


REQUESTS = Resource(
    name="ca.requests",
    title=N_("Certificate requests"),
    one=N_("Certificate request"),
    permission=Permission.CA_READ,
    record=RequestRecord,
    page=_page,
    item=_item,
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("state", N_("State"), Cell.STATE, REQUEST_STATES),
        Column("profile_title", N_("Certificate profile"), link=Link("ca.profiles", "profile")),
        Column("unit_name", N_("Unit")),
        Column("requester", N_("Filed by")),
        Column("filed_at", N_("Filed at"), Cell.TIME, sort="filed"),
        Column("names", N_("Alternative names"), Cell.LIST, shown=False),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("evidence", N_("How the applicant's identity was checked"), Cell.LONG, shown=False),
        Column("own_key", N_("The applicant's own key"), Cell.FLAG, shown=False),
        Column("key_waiting", N_("A key made here waits to be handed over"), Cell.FLAG, shown=False),
        Column(
            "replaces", N_("Renews the certificate"), Cell.CODE, shown=False, link=Link("ca.certificates")
        ),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("profile_version", N_("Version of the profile"), Cell.CODE, shown=False),
        Column("id", N_("Request number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=REQUEST_STATES),
        Filter("waiting", N_("Waits for"), labels={"me": Label(N_("for my decision"))}),
        PROFILE,
        UNIT,
        Filter("requested_by", N_("Filed by"), FilterKind.TEXT),
        Filter("batch", N_("Batch of requests"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "file",
            N_("File a request"),
            Permission.CA_REQUEST_FILE,
            _file,
            FileRequest,
            On.NEW,
            second=Permission.CA_REQUEST_APPROVE,
            choices={"profile": applicants_profiles, "unit": unit_names},
            initial=_initial,
            by="profile",
            shape=_form_of,
        ),
        Verb(
            "attach",
            N_("Attach a paper"),
            Permission.CA_REQUEST_FILE,
            _attach,
            Attach,
            when=lambda record: record.state == "requested",
        ),
        Verb(
            "approve",
            N_("Approve and issue"),
            Permission.CA_REQUEST_APPROVE,
            _approve,
            Approve,
            when=lambda record: record.state == "requested",
            not_by="requested_by",
            bulk=True,
            key="a",
            preview=_approved,
            explain=N_("The certificate is signed as soon as enough people have approved."),
        ),
        Verb(
            "reject",
            N_("Turn down"),
            Permission.CA_REQUEST_APPROVE,
            _reject,
            Reason,
            when=lambda record: record.state == "requested",
            danger=True,
            bulk=True,
            key="x",
        ),
        Verb(
            "deliver",
            N_("Hand over the key"),
            Permission.CA_REQUEST_FILE,
            _deliver,
            Deliver,
            when=lambda record: record.state == "issued" and record.key_waiting,
            only_by="requested_by",
            explain=N_("Key and certificate as a PKCS#12 file, once, to who filed the request."),
        ),
        Verb(
            "password",
            N_("Tell the password"),
            Permission.CA_PASSWORD_TELL,
            _password,
            when=lambda record: record.state == "issued" and not record.own_key and not record.key_waiting,
            not_by="requested_by",
            explain=N_(
                "The password of the key file, once, to a colleague of who handed over the file: the applicant gets the"
                " two by two ways."
            ),
        ),
        Verb(
            "phrase",
            N_("Set the pass-phrase for the telephone"),
            Permission.CA_REQUEST_FILE,
            _phrase,
            Phrase,
            when=lambda record: record.state in ("requested", "approved", "issued"),
        ),
    ),
    downloads=(
        Download(
            "approval",
            N_("What you sign to approve (JSON)"),
            Permission.CA_REQUEST_APPROVE,
            _document,
            lambda record: record.state == "requested",
        ),
    ),
    related=(
        Related(N_("Identity papers"), "ca.papers", lambda record: {"request": record.id}),
        Related(N_("Certificate"), "ca.certificates", lambda record: {"request": record.id}),
    ),
    sort="-filed",
    facet="state",
    empty=N_("No request fits. A registrar files one for an applicant of the unit."),
    searched=True,
    live=True,
)
