"""Batches (CA-3): requests of up to 5,000 people or devices from one spreadsheet, tried first, filed and issued by jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ca.model import Request
from ca.ports import Box
from ca.profiles import Profile, Profiles
from ca.registration import batchstore as store
from ca.registration import sheets
from ca.registration.batchstore import Batch, BatchState, Result
from ca.registration.filing import Application, Filing
from ca.registration.signatures import Signatures, refuse_own
from ca.registration.tables import batches
from ca.registration.whole import Whole
from kernel.assets.tables import RowError, TableFile, read_table
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, WeichengError
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


@dataclass(frozen=True)
class Trial:
    """What a table would come to: how many rows are good, and every fault of the others."""

    good: int
    faults: tuple[RowError, ...]


@dataclass(frozen=True)
class Asked:
    """A table and what holds for all of its rows. ``together``: one decision for the batch, not one for each request."""

    file: TableFile
    profile: str
    unit: str
    evidence: str
    together: bool = False


Read = list[tuple[int, Application]]


class Batches:
    """Tries, files and decides on batches; what takes long is done by jobs (ca.registration.batchwork)."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        profiles: Profiles,
        filing: Filing,
        signatures: Signatures,
        box: Box,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._profiles = profiles
        self._filing = filing
        self._signatures = signatures
        self._box = box

    # --- before anything is kept
    def template(self, principal: Principal, profile_id: str, form: str = "xlsx") -> bytes:
        """The empty table of a profile, as csv or xlsx."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        return sheets.written(form, sheets.template_rows(self._profiles.get(profile_id)))

    def check(self, principal: Principal, asked: Asked) -> Trial:
        """Whether every row could be filed: nothing is kept. Invalid or LimitExceeded for a table that will not do at all."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        self._access.require(principal, Permission.CA_REQUEST_FILE, unit=asked.unit)
        rows, faults = self._read(principal, asked)
        if not rows and not faults:
            raise _bad(0, faults, asked.file.name)
        return Trial(len(rows), tuple(sorted(faults, key=lambda fault: fault.row)))

    def file(self, principal: Principal, asked: Asked) -> tuple[Batch, str]:
        """Keep the table and have its requests filed; (batch, job). Invalid if any row is bad: ``check`` tells which,
        Conflict if the same table was filed already."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        self._access.require(principal, Permission.CA_REQUEST_FILE, unit=asked.unit)
        rows, faults = self._read(principal, asked)
        if faults or not rows:
            raise _bad(len(rows), faults, asked.file.name)
        batch = self._new(principal, asked, len(rows))
        with self._database.begin() as uow:
            twice = store.filed_already(uow.connection, batch.sha256, batch.profile, batch.unit)
            if twice is not None:
                raise Conflict(
                    N_("This very table was filed already, by batch %(id)s."),
                    mend=N_("Look at that batch; change the table if it is to be filed anew."),
                    place=asked.file.name,
                    id=twice,
                )
            store.add(uow.connection, batch, ((number, sheets.as_content(one)) for number, one in rows))
            job = self._enqueue(uow, principal, batch, "ca.batch-file")
            details = {"profile": batch.profile, "rows": batch.size, "sha256": batch.sha256}
            uow.audit(principal, AuditAction.CA_BATCH_FILE, _target(batch), unit=batch.unit, details=details)
        return batch, job

    # --- looking at them
    def page(self, principal: Principal, ask: Ask) -> Page[Batch]:
        """Batches of the principal's units. Filters: state, unit."""
        self._access.require(principal, Permission.CA_READ)
        seen = self._access.seen(principal, batches.c.unit)
        with self._database.read() as connection:
            page = store.BATCHES.page(connection, ask, *seen)
            return Page(store.counted(connection, page.items), page.next_cursor, page.total, page.facets)

    def get(self, principal: Principal, batch_id: str) -> Batch:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return self._seen(connection, principal, batch_id)

    def results(self, principal: Principal, batch_id: str) -> list[Result]:
        """What became of each row, in their order."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return store.results(connection, self._seen(connection, principal, batch_id).id)

    def sample(self, principal: Principal, batch_id: str, most: int = 5) -> tuple[list[Request], str]:
        """(the first requests, the digest of all) of a batch that waits: what is approved."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            batch = self._seen(connection, principal, batch_id)
            rows = store.requests_of(connection, batch.id)
        return [request for _, request in rows[:most]], Whole(batch, rows).digest

    # --- deciding
    def approval_document(self, principal: Principal, batch_id: str) -> bytes:
        """What this officer signs to approve the whole batch (canonical JSON): it names the root over ``rows``."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        with self._database.read() as connection:
            batch = self._seen(connection, principal, batch_id)
            _require_waiting(batch)
            return self._signatures.document(connection, principal, _whole(connection, batch).matter)

    def rows(self, principal: Principal, batch_id: str) -> bytes:
        """Every row as it is approved, a line of canonical JSON each: the leaves of the tree that officers sign."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return _whole(connection, self._seen(connection, principal, batch_id)).lines()

    def approve(
        self, principal: Principal, batch_id: str, reason: str = "", signature: bytes | None = None
    ) -> tuple[Batch, str]:
        """Approve every request of it; (batch, job that issues, "" while more people have to approve).

        ``signature`` is a detached CMS (DER) over ``approval_document``; SignatureNeeded where it is wanted and missing,
        IntegrityFailed for a batch that is not the one that was filed.
        """
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        with self._database.begin() as uow:
            batch = self._decidable(uow, principal, batch_id)
            rows = store.requests_of(uow.connection, batch.id)
            refuse_own(uow.connection, principal, (request for _, request in rows))
            whole = Whole(batch, rows)
            signed = self._signatures.check(uow, principal, whole.matter, signature)
            approval = self._approvals.decide(
                uow, batch.approval, principal, approve=True, reason=reason, signed=signed
            )
            whole.require(approval.digest)
            self._decided(uow, principal, batch, reason, approve=True)
            if approval.state is not ApprovalState.APPROVED:
                return batch, ""
            store.put(uow.connection, batch.id, state=str(BatchState.ISSUING))
            job = self._enqueue(uow, principal, batch, "ca.batch-issue")
            return store.read(uow.connection, batch.id), job

    def reject(self, principal: Principal, batch_id: str, reason: str) -> Batch:
        """Turn every request of it down; the keys made for them are destroyed."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        with self._database.begin() as uow:
            batch = self._decidable(uow, principal, batch_id)
            self._approvals.decide(uow, batch.approval, principal, approve=False, reason=reason)
            store.reject(uow.connection, batch.id)
            store.put(uow.connection, batch.id, state=str(BatchState.REJECTED))
            self._decided(uow, principal, batch, reason, approve=False)
            told = {"reason": reason, "requests": batch.filed}
            uow.emit(Event(EventKind.CERTIFICATE_REJECTED, _target(batch), told, unit=batch.unit))
            return store.read(uow.connection, batch.id)

    # --- handing over keys made here
    def make_keys(self, principal: Principal, batch_id: str) -> str:
        """Have the key files made of all that is issued; the job. For who filed the batch."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.begin() as uow:
            batch = self._own(uow, principal, batch_id)
            if batch.keys_waiting or batch.passwords_waiting:
                raise Conflict(
                    N_("Key files of this batch wait to be handed over."),
                    mend=N_("Take the files, and have a colleague take the passwords."),
                    place=batch.id,
                )
            uow.audit(principal, AuditAction.CA_BATCH_KEYS, _target(batch), unit=batch.unit)
            return self._enqueue(uow, principal, batch, "ca.batch-keys")

    def take_keys(self, principal: Principal, batch_id: str) -> bytes:
        """A ZIP archive with a PKCS#12 file for each applicant: once, to who filed the batch."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.begin() as uow:
            batch = self._own(uow, principal, batch_id)
            return self._take(uow, principal, batch, "keys", AuditAction.CA_DELIVER, keys_to=principal.id)

    def take_passwords(self, principal: Principal, batch_id: str) -> bytes:
        """The passwords of those files as CSV: once, to a colleague of who filed the batch."""
        self._access.require(principal, Permission.CA_PASSWORD_TELL)
        with self._database.begin() as uow:
            batch = self._seen(uow.connection, principal, batch_id)
            if principal.id in (batch.requested_by, batch.keys_to):
                raise Conflict(
                    N_("Who takes the files does not learn their passwords."),
                    mend=N_(
                        "Another registrar of the unit or the security officer tells them to the applicants."
                    ),
                    place=batch.id,
                )
            return self._take(uow, principal, batch, "passwords", AuditAction.CA_PASSWORD_TELL)

    # --- how
    def _read(self, principal: Principal, asked: Asked) -> tuple[Read, list[RowError]]:
        """The good rows as applications, and the faults of the others."""
        profile = self._profiles.get(asked.profile)
        self._filing.applicable(profile.id, own_key="generated" not in profile.own_key)
        table, faults, heads = read_table(asked.file, sheets.columns_of(profile))
        defaults = sheets.Defaults(asked.unit, asked.evidence, self._units(principal))
        good: Read = []
        seen: dict[str, int] = {}
        with self._database.read() as connection:
            for row in table:
                try:
                    application = sheets.application_of(row, profile, defaults)
                    key = self._filing.rehearse(connection, application)
                    _refuse_repeated(application, key, row.number, seen)
                    good.append((row.number, application))
                except WeichengError as error:
                    faults.append(sheets.fault_of(row.number, error, heads))
        return good, faults

    def _units(self, principal: Principal) -> dict[str, str]:
        found = self._access.units(principal)
        return {name: unit.id for unit in found for name in (unit.name, unit.id)}

    def _new(self, principal: Principal, asked: Asked, size: int) -> Batch:
        profile: Profile = self._profiles.get(asked.profile)
        return Batch(
            id=new_id("bat"),
            profile=profile.id,
            profile_version=profile.version,
            unit=asked.unit,
            name=asked.file.name[:200],
            sha256=sha256_hex(asked.file.data),
            together=asked.together,
            state=BatchState.FILING,
            size=size,
            requested_by=principal.id,
            approval="",
            filed_at=self._clock.now(),
            keys_waiting=False,
            passwords_waiting=False,
            keys_to="",
        )

    @staticmethod
    def _enqueue(uow: UnitOfWork, by: Principal, batch: Batch, kind: str) -> str:
        payload = {"batch": batch.id}
        return uow.enqueue(
            JobRequest(
                kind, payload, key=f"{kind}:{batch.id}", unit=batch.unit, requested_by=by.id, max_attempts=10
            )
        )

    def _seen(self, connection: Connection, principal: Principal, batch_id: str) -> Batch:
        batch = store.read(connection, batch_id)
        if not self._access.covers(principal, batch.unit):
            raise store.missing(batch_id)
        return batch

    def _own(self, uow: UnitOfWork, principal: Principal, batch_id: str) -> Batch:
        batch = store.read(uow.connection, batch_id, lock=True)
        if batch.requested_by != principal.id:
            raise store.missing(batch_id)
        return batch

    def _decidable(self, uow: UnitOfWork, principal: Principal, batch_id: str) -> Batch:
        batch = store.read(uow.connection, batch_id, lock=True)
        if not self._access.covers(principal, batch.unit):
            raise store.missing(batch_id)
        _require_waiting(batch)
        return batch

    @staticmethod
    def _decided(uow: UnitOfWork, by: Principal, batch: Batch, reason: str, *, approve: bool) -> None:
        details = {"approve": approve, "requests": batch.filed}
        action = AuditAction.CA_BATCH_DECIDE
        uow.audit(by, action, _target(batch), unit=batch.unit, reason=reason, details=details)

    def _take(
        self, uow: UnitOfWork, by: Principal, batch: Batch, what: str, action: AuditAction, **values: str
    ) -> bytes:
        found = store.sealed(uow.connection, batch.id, what)
        if found is None:
            raise Conflict(
                N_("Nothing waits to be handed over for this batch."),
                mend=N_("Have the key files made first; each is handed over once."),
                place=batch.id,
            )
        store.put(uow.connection, batch.id, **{what: None}, **values)
        uow.audit(by, action, _target(batch), unit=batch.unit, details={"what": what})
        return self._box.open(found.decode("ascii"), context=sealed_context(batch.id, what))


def _whole(connection: Connection, batch: Batch) -> Whole:
    return Whole(batch, store.requests_of(connection, batch.id))


def _require_waiting(batch: Batch) -> None:
    if batch.state is not BatchState.WAITING:
        raise Conflict(
            N_("This batch does not wait for a decision on the whole (%(state)s)."),
            mend=N_("While it is filed, wait; otherwise decide on its requests one by one."),
            place=batch.id,
            state=batch.state,
        )


def sealed_context(batch_id: str, what: str) -> str:
    """What keys or passwords of a batch are sealed with."""
    return f"ca:batch-{what}:{batch_id}"


def _target(batch: Batch) -> str:
    return f"batch:{batch.id}"


def _refuse_repeated(asked: Application, key: str, number: int, seen: dict[str, int]) -> None:
    """Two rows of one key, or of the very same names, are a slip."""
    same = sha256_hex(canonical_json([dict(asked.subject), sorted(asked.names), asked.unit]))
    for mark, place in ((key, "csr"), (same, "CN")):
        first = seen.setdefault(f"{place}:{mark}", number) if mark else number
        if first != number:
            raise Invalid(
                N_("The same stands in row %(row)s."),
                mend=N_("Delete one of the two rows."),
                place=place,
                row=first,
            )


def _bad(good: int, faults: Sequence[RowError], file: str) -> Invalid:
    if not faults:
        return Invalid(N_("The table has no rows."), mend=N_("Fill in the template."), place=file)
    first = min(faults, key=lambda fault: fault.row)
    return Invalid(
        N_("%(bad)s rows are bad, the first is row %(row)s: nothing was filed."),
        mend=N_("Try the table first: that tells every fault with its row and column."),
        place=file,
        bad=len({fault.row for fault in faults}),
        row=first.row,
    )
