"""What relying parties ask: is a certificate, a signed document, a time-stamp to be believed?"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Base64Bytes, Field, JsonValue

from ca.resources.reports import readable
from ca.validation.content import Content
from ca.validation.model import Purpose
from ca.validation.service import Asked
from ca.validation.store import Validation
from ca.validation.words import PURPOSES, VERDICTS, summary
from kernel.canonical import canonical_json
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Input,
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
from kernel.edges.shared import SINCE, UNTIL
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
_MOST = 12 * 2**20  # octets of a file in a request; larger ones go by the command line
VERDICT_LABELS: Labels = {
    "valid": Label(VERDICTS["valid"], Tone.GOOD),
    "invalid": Label(VERDICTS["invalid"], Tone.BAD),
    "unknown": Label(VERDICTS["unknown"], Tone.WARN),
}
KINDS: Labels = {
    "certificate": Label(N_("Certificate")),
    "document": Label(N_("Signed document")),
    "timestamp": Label(N_("Time-stamp")),
}
PURPOSE_LABELS: Labels = {str(purpose): Label(text) for purpose, text in PURPOSES.items()}


class ValidationRecord(Record):
    """``report`` is the whole answer: each certificate of each path, every check, the reason with its place."""

    id: str
    kind: str
    name: str
    digest: str
    verdict: str
    reason: str
    told: str
    purpose: str
    at: datetime
    asked_by: str
    asker: str
    unit: str
    unit_name: str
    asked_at: datetime
    evidence: str
    report: dict[str, JsonValue]


def _file(title: str, hint: str = "", *, needed: bool = False) -> Any:
    given: dict[str, Any] = {"title": title, "max_length": _MOST, "json_schema_extra": {"widget": "file"}}
    return (
        Field(**given, description=hint or None) if needed else Field(None, **given, description=hint or None)
    )


def _name() -> Any:
    return Field("", max_length=200, json_schema_extra={"widget": "hidden"})


class _Question(Input):
    """What all questions have in common."""

    at: AwareDatetime | None = Field(
        None,
        title=N_("Time of validation"),
        description=N_("Empty: now."),
        json_schema_extra={"widget": "datetime"},
    )
    intermediates: Base64Bytes | None = _file(
        N_("Further certificates"), N_("Intermediate CAs, if they are not in the file: PEM, DER or PKCS#7.")
    )
    crls: Base64Bytes | None = _file(
        N_("Revocation lists"),
        N_("CRLs of other CAs, PEM or DER. Of our own certificates the register knows."),
    )
    keep: bool = Field(False, title=N_("Keep the report as evidence"))

    def common(self, name: str) -> dict[str, Any]:
        given = {"intermediates": self.intermediates or b"", "crls": self.crls or b""}
        return {"name": name, "at": self.at, "keep": self.keep, **given}


class _OfCertificate(Input):
    file: Base64Bytes = _file(
        N_("Certificate file"), N_("PEM, DER or PKCS#7; the first one in it is asked for."), needed=True
    )
    file_name: str = _name()
    purpose: Purpose = Field(
        Purpose.ANY,
        title=N_("Purpose"),
        json_schema_extra={"labels": {str(purpose): text for purpose, text in PURPOSES.items()}},
    )
    host: str = Field("", max_length=253, title=N_("Host name or address it has to be for"))
    policies: tuple[str, ...] = Field(
        (), max_length=50, title=N_("Acceptable policies (OIDs)"), description=N_("One a line; empty: any.")
    )
    require_policy: bool = Field(False, title=N_("One of the policies is required"))
    inhibit_mapping: bool = Field(False, title=N_("Policy mapping is not allowed"))
    inhibit_any: bool = Field(False, title=N_("any-policy does not count"))


class _OfDocument(Input):
    file: Base64Bytes = _file(
        N_("File"),
        N_("A signed PDF or CMS file, or the file that a signature beside it is over."),
        needed=True,
    )
    file_name: str = _name()
    signature: Base64Bytes | None = _file(
        N_("Signature beside it"), N_("A detached CMS signature (.p7s), if there is one.")
    )


class _OfTimestamp(Input):
    file: Base64Bytes = _file(N_("File"), N_("What the time-stamp is over."), needed=True)
    file_name: str = _name()
    token: Base64Bytes = _file(N_("Time-stamp"), N_("Token or response of RFC 3161 (.tsr)."), needed=True)


# the fields of the last base stand first in the form: what is asked about, then what all questions have in common
class AskCertificate(_Question, _OfCertificate):
    """Is a certificate valid?"""


class AskDocument(_Question, _OfDocument):
    """Are a file's signatures valid?"""


class AskTimestamp(_Question, _OfTimestamp):
    """Is a file's time-stamp valid?"""


def validation_record(found: Validation, zone: tzinfo) -> ValidationRecord:
    values: Mapping[str, Any] = vars(found)
    told = summary(readable(found.report, zone))
    return ValidationRecord(**{**values, "told": told, "report": dict(found.report)})


def zone_of(app: Any) -> ZoneInfo:
    """Where the installation is."""
    return ZoneInfo(app.settings.timezone)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[ValidationRecord]:
    zone = zone_of(app)
    return app.ca.validations.page(principal, ask).map(lambda one: validation_record(one, zone))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, validation_id: str) -> ValidationRecord:
    return validation_record(app.ca.validations.show(principal, validation_id), zone_of(app))


def _done(app: Any, found: Validation) -> Done:
    record = validation_record(found, zone_of(app))
    messages = {
        "valid": N_("It is valid."),
        "invalid": N_("It is not valid: %(why)s"),
        "unknown": N_("It can not be decided: %(why)s"),
    }
    return Done(messages[found.verdict], {"why": record.told}, record=record, id=found.id)


def _certificate(app: Any, principal: Principal, _id: str, given: AskCertificate) -> Done:
    flags = {name: getattr(given, name) for name in ("require_policy", "inhibit_mapping", "inhibit_any")}
    asked = Asked(
        **given.common(given.file_name),
        **flags,
        purpose=given.purpose,
        host=given.host,
        policies=given.policies,
    )
    return _done(app, app.ca.validations.certificate(principal, given.file, asked))


def _document(app: Any, principal: Principal, _id: str, given: AskDocument) -> Done:
    asked = Asked(**given.common(given.file_name))
    content, signature = Content.of(given.file), given.signature or b""
    return _done(app, app.ca.validations.document(principal, content, asked, signature=signature))


def _timestamp(app: Any, principal: Principal, _id: str, given: AskTimestamp) -> Done:
    asked = Asked(**given.common(given.file_name))
    return _done(app, app.ca.validations.timestamp(principal, Content.of(given.file), given.token, asked))


def _report(app: Any, principal: Principal, validation_id: str) -> File:
    found = app.ca.validations.show(principal, validation_id)
    return File(f"{validation_id}.json", "application/json", canonical_json(dict(found.report)))


VALIDATIONS = Resource(
    name="ca.validations",
    title=N_("Verify certificates and files"),
    one=N_("Verification report"),
    permission=_P.CA_VALIDATE,
    record=ValidationRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("File")),
        Column("kind", N_("What was verified"), Cell.STATE, KINDS),
        Column("verdict", N_("Verdict"), Cell.STATE, VERDICT_LABELS),
        Column("told", N_("Why not")),
        Column("at", N_("Time of validation"), Cell.TIME),
        Column("asker", N_("Asked by")),
        Column("asked_at", N_("Asked at"), Cell.TIME, sort="asked"),
        Column("unit_name", N_("Unit"), shown=False),
        Column("purpose", N_("Purpose"), Cell.STATE, PURPOSE_LABELS, shown=False),
        Column("digest", N_("SHA-256"), Cell.CODE, shown=False),
        Column("reason", N_("Reason code"), Cell.CODE, shown=False),
        Column("evidence", N_("Evidence number"), Cell.CODE, shown=False, link=Link("evidence.records")),
        Column("id", N_("Report number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("verdict", N_("Verdict"), labels=VERDICT_LABELS),
        Filter("kind", N_("What was verified"), labels=KINDS),
        Filter("digest", N_("SHA-256"), FilterKind.TEXT),
        SINCE,
        UNTIL,
    ),
    verbs=(
        Verb(
            "certificate",
            N_("Verify a certificate"),
            _P.CA_VALIDATE,
            _certificate,
            AskCertificate,
            On.NEW,
            explain=N_(
                "Its path to a trusted root is built and checked whole (RFC 5280). Nothing is fetched from elsewhere."
            ),
        ),
        Verb(
            "document",
            N_("Verify a signed document"),
            _P.CA_VALIDATE,
            _document,
            AskDocument,
            On.NEW,
            explain=N_(
                "All signatures of a PDF or CMS file are checked, at the time of a trusted time-stamp if there is one."
            ),
        ),
        Verb(
            "timestamp",
            N_("Verify a time-stamp"),
            _P.CA_VALIDATE,
            _timestamp,
            AskTimestamp,
            On.NEW,
            explain=N_(
                "Whether the time-stamp is over this file, and its authority was to be trusted at that time."
            ),
        ),
    ),
    downloads=(Download("report", N_("Report (JSON)"), _P.CA_VALIDATE, _report),),
    related=(
        Related(N_("Evidence"), "evidence.records", lambda record: {"subject": f"validation:{record.id}"}),
    ),
    sort="-asked",
    facet="verdict",
    empty=N_("Nothing was verified yet. Choose what to verify above."),
)
