"""Registration (CA-3, CA-4): a registrar files, a second person decides, keys made here are handed over once."""

from collections.abc import Mapping, Sequence

from ca import store
from ca.authorities import authority_of
from ca.issuance import Issuance, Wanted
from ca.listing import requests_by
from ca.model import Certificate, Request
from ca.ports import Box, Evidence
from ca.profiles import Lint, Profiles
from ca.registration.automatic import Answer, Automatic, Order, Outcome
from ca.registration.batches import Batches
from ca.registration.batchwork import BatchWork
from ca.registration.blocklists import Blocklists
from ca.registration.decision import Decision
from ca.registration.delivery import Delivery
from ca.registration.filing import Application, Filing
from ca.registration.listing import requests_of
from ca.registration.papers import Handed, Papers
from ca.registration.phrases import hash_of, keep_phrase
from ca.registration.signatures import Signatures, single
from ca.registration.store import inherit_phrase
from ca.signer.model import WHERE_POSSIBLE, ApprovalRules
from ca.tables import requests
from kernel.clock import Clock
from kernel.errors import Conflict, NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page


class Registration:
    """Requests from filing to the certificate's delivery: who may, and for which unit; how is in the parts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        profiles: Profiles,
        issuance: Issuance,
        box: Box,
        blocklists: Blocklists,
        evidence: Evidence,
        rules: ApprovalRules = WHERE_POSSIBLE,
    ) -> None:
        self._database = database
        self._access = access
        self._profiles = profiles
        self._issuance = issuance
        self._signatures = Signatures(clock, approvals, rules.signing)
        self.filing = Filing(database, clock, approvals, profiles, box, blocklists)
        self._decision = Decision(database, approvals, profiles, issuance, self._signatures)
        self._delivery = Delivery(database, clock, box)
        self._clock = clock
        self.papers = Papers(database, clock, access, box, evidence)
        self.batches = Batches(
            database, clock, access, approvals, profiles, self.filing, self._signatures, box
        )
        self._automatic = Automatic(database, self.filing, issuance, rules)
        self.work = BatchWork(
            database, approvals, self.filing, self._decision, issuance, self._signatures, box
        )

    def file(
        self,
        principal: Principal,
        *,
        profile: str,
        subject: Mapping[str, str],
        names: Sequence[str],
        unit: str,
        evidence: str,
        csr: bytes | None = None,
        replaces: str | None = None,
        papers: Sequence[Handed] = (),
        phrase: str | None = None,
    ) -> Request:
        """File a request, as Application tells, with ``papers`` that show the applicant's identity and the ``phrase`` to be
        said on the telephone. BadCsr, ProfileViolation, Conflict (key of another subject or of a revoked certificate),
        NotPermitted (unit), Invalid (a paper or phrase that will not do)."""
        self._access.require(principal, Permission.CA_REQUEST_FILE, unit=unit)
        asked = Application(profile, subject, names, unit, evidence, csr, replaces)
        draft = self.filing.draft(principal, asked)
        self._rehearse(draft.request)
        hashed = hash_of(phrase) if phrase else None
        with self._database.begin() as uow:
            filed = self.filing.store(uow, principal, draft)
            self.papers.keep(uow, principal, filed, papers)
            if replaced := filed.replaces:
                inherit_phrase(uow.connection, replaced, filed.id)
            if hashed is not None:
                keep_phrase(uow, principal, filed, hashed, self._clock.now())
            return filed

    def _rehearse(self, request: Request) -> None:
        """What the profile's rules find is told to whoever files, not to the officer who approves; in no transaction."""
        profile = self._profiles.version(request.profile, request.profile_version)
        if profile.lint is Lint.NONE:
            return
        with self._database.read() as connection:
            authority = authority_of(connection, profile.id)
        if authority is not None:
            subject, names = request.subject, request.names
            self._issuance.rehearse(authority, Wanted(profile, subject, names, request.spki, request.unit))

    def issue(
        self, principal: Principal, *, profile: str, unit: str, evidence: str, csrs: Sequence[bytes]
    ) -> list[Outcome]:
        """Issue at once for a profile that needs no approval, as Automatic tells. NotPermitted (unit), NeedsApproval."""
        (answer,) = self.issue_together([Order(principal, profile, unit, evidence, csrs)])
        if isinstance(answer, WeichengError):
            raise answer
        return answer

    def issue_together(self, orders: Sequence[Order]) -> list[Answer]:
        """As ``issue`` for orders of many people in one piece of work; in the place of an answer the error of an order."""
        allowed_in: set[tuple[Principal, str]] = set()
        refused = {
            number: error
            for number, order in enumerate(orders)
            if (error := self._refusal(order, allowed_in))
        }
        allowed = [order for number, order in enumerate(orders) if number not in refused]
        answers = iter(self._automatic.issue(allowed))
        return [refused.get(number) or next(answers) for number in range(len(orders))]

    def _refusal(self, order: Order, allowed: set[tuple[Principal, str]]) -> WeichengError | None:
        """Who may not; ``allowed`` holds who was asked about in this piece of work already."""
        if (order.by, order.unit) not in allowed:
            try:
                self._access.require(order.by, Permission.CA_REQUEST_FILE, unit=order.unit)
            except WeichengError as error:
                return error
            allowed.add((order.by, order.unit))
        return None

    def renew(self, principal: Principal, serial: str, *, evidence: str, csr: bytes | None = None) -> Request:
        """File a request for a newer certificate of the same subject, names, profile and unit; the old one is superseded
        when it is issued. ``csr`` as in ``file``."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.read() as connection:
            old = store.read_certificate(connection, serial)
            filed = store.read_request(connection, old.request) if old.request else None
        if not self._access.covers(principal, old.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
        if filed is None:
            raise Conflict(
                N_("This certificate of the suite's own is not renewed by a request."),
                mend=N_("Provision its service anew: weicheng ca provision."),
                place=old.serial,
            )
        return self.file(
            principal,
            profile=filed.profile,
            subject=filed.subject,
            names=filed.names,
            unit=filed.unit,
            evidence=evidence,
            csr=csr,
            replaces=old.serial,
        )

    def approve(
        self, principal: Principal, request_id: str, reason: str = "", signature: bytes | None = None
    ) -> Request | Certificate:
        """Approve; once enough people have, the certificate is issued. NotPermitted for who filed it.

        ``signature`` is a detached CMS (DER) over ``approval_document``; SignatureNeeded where it is wanted and missing.
        """
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        return self._decision.approve(principal, request_id, reason, signature)

    def approval_document(self, principal: Principal, request_id: str) -> bytes:
        """What this officer signs to approve the request (canonical JSON)."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        request = self.show(principal, request_id)
        with self._database.read() as connection:
            return self._signatures.document(connection, principal, single(request))

    def signature_wanted(self, principal: Principal) -> bool:
        """Whether approvals of this officer have to be signed."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        with self._database.read() as connection:
            return self._signatures.wanted(connection, principal)

    def reject(self, principal: Principal, request_id: str, reason: str) -> Request:
        """Turn the request down; the reason is told to who filed it."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        return self._decision.reject(principal, request_id, reason)

    def show(self, principal: Principal, request_id: str) -> Request:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            request = store.read_request(connection, request_id)
        if not self._access.covers(principal, request.unit):
            raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
        return request

    def page(self, principal: Principal, ask: Ask) -> Page[Request]:
        """Requests of the principal's units. Filters: state, profile, unit, requested_by, waiting ("me")."""
        self._access.require(principal, Permission.CA_READ)
        approves = self._access.allows(principal, Permission.CA_REQUEST_APPROVE)
        found = requests_of(principal, approves=approves)
        seen = self._access.seen(principal, requests.c.unit)
        with self._database.read() as connection:
            return found.page(connection, ask, *seen, *requests_by(connection, ask.text))

    def deliver_pkcs12(self, principal: Principal, request_id: str, password: str | None = None) -> bytes:
        """PKCS#12 of a key made here: once, to who filed it, under a ``password`` that the applicant chose. Without one a
        password is made, which ``tell_password`` tells somebody else: nobody but the applicant comes to have both."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        return self._delivery.pkcs12(principal, self.show(principal, request_id).id, password)

    def tell_password(self, principal: Principal, request_id: str) -> str:
        """The password made for a file that another person took, once: to be told to the applicant. Conflict for who took
        the file, and when there is none (any more)."""
        self._access.require(principal, Permission.CA_PASSWORD_TELL)
        request = self.show(principal, request_id)
        return self._delivery.tell_password(principal, request)

    def deliver_pem(self, principal: Principal, request_id: str) -> tuple[bytes, bytes]:
        """(certificate chain, private key) in PEM of a key made here, for a server of ours: once, to who filed it."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        return self._delivery.pem(principal, request_id)
