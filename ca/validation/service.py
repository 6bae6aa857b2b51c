"""The relying party's service (CA-14): is a certificate, document or time-stamp to be believed, now or at a past time?

Every answer is a report that can be looked at again; one that is to last becomes evidence. Nothing is fetched from anywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ca.ports import Evidence
from ca.validation import reading, store
from ca.validation.content import Content
from ca.validation.model import Material, Purpose, Question, Verdict
from ca.validation.register import OwnRegister
from ca.validation.store import AnchorState, Validation
from ca.validation.tables import validations
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database
from kernel.store.listing import Ask, Page

if TYPE_CHECKING:
    from ca.validation.found import Found

KEPT = timedelta(days=190)
MOST_CRLS_OF_AN_ISSUER = 12  # full list, deltas and shards of one time


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know. ``at`` None: now. ``name`` is what the file is called, ``keep``: as evidence."""

    name: str = ""
    at: datetime | None = None
    purpose: Purpose = Purpose.ANY
    host: str = ""
    policies: tuple[str, ...] = ()
    require_policy: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False
    revocation: bool = True
    intermediates: bytes = b""  # PEM, DER or PKCS#7
    crls: bytes = b""  # PEM or DER
    keep: bool = False


class Validations:
    """Answers, and keeps what was answered."""

    def __init__(self, database: Database, clock: Clock, access: Access, evidence: Evidence) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._evidence = evidence

    # --- reports
    def page(self, principal: Principal, ask: Ask) -> Page[Validation]:
        """Own reports, and those of the units whose certificates one may read. Filters: verdict, kind, digest, since, until."""
        self._access.require(principal, Permission.CA_VALIDATE)
        scope = self._scope(principal)
        with self._database.read() as connection:
            return store.VALIDATIONS.page(connection, ask, *scope)

    def show(self, principal: Principal, validation_id: str) -> Validation:
        """One report; one that the principal does not see is NotFound."""
        self._access.require(principal, Permission.CA_VALIDATE)
        with self._database.read() as connection:
            found = store.read_validation(connection, validation_id)
        mine = found.asked_by == principal.id
        if not mine and not (self._reads_all(principal) and self._access.covers(principal, found.unit)):
            raise store.no_validation(validation_id)
        return found

    def prune(self) -> int:
        """Forget reports older than KEPT that are no evidence; returns how many."""
        with self._database.begin() as uow:
            return store.prune_validations(uow.connection, self._clock.now() - KEPT)

    # --- asking
    def certificate(self, principal: Principal, data: bytes, asked: Asked) -> Validation:
        """Whether a certificate (PEM, DER, PKCS#7; the first one is asked for, the others are intermediates) is valid."""
        from ca.validation import paths

        self._access.require(principal, Permission.CA_VALIDATE)
        leaf, *others = reading.certificates(data, asked.name)
        report = paths.validate(leaf, self._material(asked, others), self.question(asked))
        told = {"kind": "certificate", "asked": self._told(asked), **report.as_dict()}
        reason = str(report.refusal.why) if report.refusal else ""
        return self._store(principal, "certificate", sha256_hex(data), asked, (report.verdict, reason, told))

    def document(
        self, principal: Principal, content: Content, asked: Asked, *, signature: bytes = b""
    ) -> Validation:
        """Whether the signatures in a PDF or CMS file, or a detached ``signature`` of any file, are to be believed."""
        from ca.validation import documents

        self._access.require(principal, Permission.CA_VALIDATE)
        found = documents.verify(content, signature, self._trusting(asked), self.question(asked))
        return self._kept_document(principal, "document", content.sha256, asked, found)

    def timestamp(self, principal: Principal, content: Content, token: bytes, asked: Asked) -> Validation:
        """Whether an RFC 3161 time-stamp (token or response, DER) is over this content and to be believed."""
        from ca.validation import documents

        self._access.require(principal, Permission.CA_VALIDATE)
        found = documents.verify_timestamp(content, token, self._trusting(asked), self.question(asked))
        return self._kept_document(principal, "timestamp", content.sha256, asked, found)

    def question(self, asked: Asked) -> Question:
        """What the paths are asked."""
        now = self._clock.now().replace(microsecond=0)
        at = now if asked.at is None else asked.at
        if at > now:
            raise Invalid(N_("The time of validation lies in the future."), place="at")
        return Question(
            at=at,
            past=at < now,
            purpose=asked.purpose,
            host=asked.host,
            policies=frozenset(asked.policies),
            require_policy=asked.require_policy,
            inhibit_mapping=asked.inhibit_mapping,
            inhibit_any=asked.inhibit_any,
            revocation=asked.revocation,
        )

    # --- parts
    def _material(self, asked: Asked, others: Sequence[bytes] = ()) -> Material:
        """Our own CAs first, then what officers trust and handed in, then what came with the question."""
        register = OwnRegister(self._database)
        at = asked.at or self._clock.now()
        with self._database.read() as connection:
            trusted = store.living_anchors(connection, (AnchorState.TRUSTED,))
            lists = store.crls_at(connection, at, MOST_CRLS_OF_AN_ISSUER)
        given = reading.certificates(asked.intermediates, "intermediates") if asked.intermediates else []
        own = [one.certificate for one in register.authorities]
        return Material(
            anchors=[*register.roots, *(one.certificate for one in trusted)],
            intermediates=[*own, *given, *others],
            crls=[*lists, *(reading.crls(asked.crls, "crls") if asked.crls else [])],
            register=register,
        )

    def _trusting(self, asked: Asked) -> Callable[[Sequence[bytes], Sequence[bytes]], Material]:
        """Material with the certificates and CRLs that a document brings."""
        known = self._material(asked)

        def with_others(certificates: Sequence[bytes], crls: Sequence[bytes]) -> Material:
            return replace(
                known, intermediates=[*known.intermediates, *certificates], crls=[*known.crls, *crls]
            )

        return with_others

    def _told(self, asked: Asked) -> dict[str, Any]:
        return {
            "at": iso_utc(asked.at) if asked.at else None,
            "purpose": str(asked.purpose),
            "host": asked.host,
            "policies": list(asked.policies),
            "require_policy": asked.require_policy,
            "inhibit_mapping": asked.inhibit_mapping,
            "inhibit_any": asked.inhibit_any,
            "revocation": asked.revocation,
        }

    def _kept_document(
        self, principal: Principal, kind: str, digest: str, asked: Asked, found: "Found"
    ) -> Validation:
        told = {"kind": kind, "asked": self._told(asked), **found.as_dict()}
        return self._store(principal, kind, digest, asked, (found.verdict, found.reason, told))

    def _store(
        self,
        principal: Principal,
        kind: str,
        digest: str,
        asked: Asked,
        answer: tuple[Verdict, str, Mapping[str, Any]],
    ) -> Validation:
        verdict, reason, report = answer
        now = self._clock.now().replace(microsecond=0)
        made = Validation(
            id=new_id("val"),
            kind=kind,
            name=asked.name[:200],
            digest=digest,
            verdict=str(verdict),
            reason=reason,
            purpose=str(asked.purpose),
            at=asked.at or now,
            asked_by=principal.id,
            unit=principal.unit,
            asked_at=now,
            report={**report, "asked_at": iso_utc(now), "sha256": digest, "name": asked.name[:200]},
        )
        with self._database.begin() as uow:
            if asked.keep:
                made = replace(made, evidence=self._as_evidence(uow, made))
            store.add_validation(uow.connection, made)
            details = {"kind": kind, "sha256": digest, "verdict": made.verdict, "reason": reason}
            uow.audit(
                principal, AuditAction.CA_VALIDATE, f"validation:{made.id}", unit=made.unit, details=details
            )
            return store.read_validation(uow.connection, made.id)

    def _as_evidence(self, uow: Any, made: Validation) -> str:
        summary = {"kind": made.kind, "verdict": made.verdict, "reason": made.reason, "sha256": made.digest}
        return self._evidence.record(
            uow,
            kind=EvidenceKind.VALIDATION_MADE,
            subject=f"validation:{made.id}",
            source="ca",
            summary=summary,
            attachments=[Attachment("report.json", canonical_json(made.report), "application/json")],
            unit=made.unit,
        )

    def _reads_all(self, principal: Principal) -> bool:
        return self._access.allows(principal, Permission.CA_READ)

    def _scope(self, principal: Principal) -> tuple[Any, ...]:
        others = self._access.seen(principal, validations.c.unit) if self._reads_all(principal) else None
        return store.seen_by(principal.id, others)
