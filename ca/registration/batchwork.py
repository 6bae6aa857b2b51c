"""The long work of batches: filing, issuing, making key files. Killed at any moment, each goes on where it was.

What a row came to is written in the transaction that did it, so that no row is filed or issued twice.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.oid import NameOID
from sqlalchemy import Row

from ca import store as ca_store
from ca.issuance import Issuance, Token
from ca.model import Request, State
from ca.ports import Box
from ca.registration import batchstore as store
from ca.registration import sheets
from ca.registration.batches import sealed_context
from ca.registration.batchstore import Batch, BatchState
from ca.registration.decision import Decision
from ca.registration.delivery import made_password, sealed_pkcs12
from ca.registration.filing import Draft, Filing, key_context
from ca.registration.signatures import Signatures
from ca.registration.whole import Whole
from kernel.errors import ErrorCode, WeichengError
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.queue import JobContext
from kernel.store import Database, UnitOfWork

AT_ONCE = 50  # rows of one transaction
_SUITE = Principal.system("ca")


@dataclass(frozen=True)
class Decided:
    """An approved batch as it stands: all rows, the signed decisions on them, the digest that was approved."""

    whole: Whole
    given: Sequence[Mapping[str, Any]]
    digest: str

    def of(self, number: int, request: Request) -> list[dict[str, Any]]:
        """What the signer is given for a row; IntegrityFailed when the batch or the row is not what was approved."""
        self.whole.require(self.digest)
        return self.whole.row(number, request, self.given)


class BatchWork:
    """Handlers of the jobs that Batches asks for."""

    def __init__(
        self,
        database: Database,
        approvals: Approvals,
        filing: Filing,
        decision: Decision,
        issuance: Issuance,
        signatures: Signatures,
        box: Box,
    ) -> None:
        self._signatures = signatures
        self._database = database
        self._approvals = approvals
        self._filing = filing
        self._decision = decision
        self._issuance = issuance
        self._box = box

    # --- filing
    def file(self, context: JobContext) -> None:
        """File every row that is not filed yet; then, if the batch is decided as a whole, ask for that decision."""
        batch_id = context.payload["batch"]
        batch = self._read(batch_id)
        while batch.state is BatchState.FILING and not context.cancelled():
            drafts = self._drafts(batch)
            if not drafts:
                break
            self._file_some(batch, drafts)
            batch = self._read(batch_id)
            context.progress(batch.filed + batch.faults, batch.size)
        else:
            return
        with context.finish({"filed": batch.filed, "faults": batch.faults}) as uow:
            self._filed(uow, batch)

    def _drafts(self, batch: Batch) -> list[tuple[int, Draft | WeichengError]]:
        """The next rows with their keys, made before the transaction begins."""
        with self._database.read() as connection:
            rows = store.unfiled(connection, batch.id, AT_ONCE)
        return [(row.number, self._draft(batch, row)) for row in rows]

    def _draft(self, batch: Batch, row: Row[tuple[object, ...]]) -> Draft | WeichengError:
        try:
            return self._filing.draft(_filer(batch), sheets.from_content(batch.profile, row.content))
        except WeichengError as error:
            return error

    def _file_some(self, batch: Batch, drafts: Sequence[tuple[int, Draft | WeichengError]]) -> None:
        by = _filer(batch)
        with self._database.begin() as uow:
            store.read(uow.connection, batch.id, lock=True)
            waiting = {row.number for row in store.unfiled(uow.connection, batch.id, AT_ONCE)}
            for number, draft in drafts:
                if number not in waiting:
                    continue  # another worker was here: this one has lost its lease
                if isinstance(draft, WeichengError):
                    store.put_row(uow.connection, batch.id, number, fault=draft)
                    continue
                try:
                    filed = self._keep(uow, by, batch, draft)
                    store.put_row(uow.connection, batch.id, number, request=filed)
                except WeichengError as error:
                    store.put_row(uow.connection, batch.id, number, fault=error)

    def _keep(self, uow: UnitOfWork, by: Principal, batch: Batch, draft: Draft) -> str:
        self._filing.admit(uow.connection, draft.request)  # refuses before anything is written
        if batch.together:
            return self._filing.keep(uow, by, draft).id
        return self._filing.store(uow, by, draft).id

    def _filed(self, uow: UnitOfWork, batch: Batch) -> None:
        store.read(uow.connection, batch.id, lock=True)
        if not batch.together or not batch.filed:
            store.put(uow.connection, batch.id, state=str(BatchState.FILED))
            return
        rows = store.requests_of(uow.connection, batch.id)
        approval = self._approvals.open(
            uow,
            kind="ca:batch",
            subject=f"batch:{batch.id}",
            title=f"{batch.name} ({batch.filed})",
            digest=Whole(batch, rows).digest,
            requested_by=_filer(batch),
            permission=Permission.CA_REQUEST_APPROVE,
            unit=batch.unit,
            needed=self._filing.approvals_for(batch.profile),
        )
        store.bind(uow.connection, batch.id, approval.id)
        store.put(uow.connection, batch.id, state=str(BatchState.WAITING), approval=approval.id)

    # --- issuing
    def issue(self, context: JobContext) -> None:
        """Issue every request of a batch approved as a whole. Unavailable when the signer is away: it goes on later."""
        batch_id = context.payload["batch"]
        batch, done = self._read(batch_id), 0
        decided = self._decided(batch)
        while not context.cancelled():
            with self._database.read() as connection:
                waiting = store.undecided(connection, batch_id, AT_ONCE)
            if not waiting:
                break
            granted = [self._grant(batch, decided, *one) for one in waiting]
            self._sign([token for token in granted if token is not None])
            done += len(waiting)
            context.progress(done, max(done, batch.filed))
        else:
            return
        with context.finish({"issued": done}) as uow:
            store.put(uow.connection, batch_id, state=str(BatchState.ISSUED))

    def _decided(self, batch: Batch) -> Decided:
        with self._database.begin() as uow:
            whole = Whole(batch, store.requests_of(uow.connection, batch.id))
            given = self._signatures.given(uow.connection, batch.approval)
            return Decided(whole, given, self._approvals.get(uow, batch.approval).digest)

    def _sign(self, tokens: Sequence[Token]) -> None:
        """What the signer did not sign stays intended, and ends the job: it is for officers to look into."""
        refused = [one for one in self._issuance.sign_all(tokens) if isinstance(one, WeichengError)]
        if refused:
            raise refused[0]

    def _grant(self, batch: Batch, decided: Decided, number: int, request_id: str) -> Token | None:
        """The intent of one row; None when it was decided already, or can not be granted, which its row then tells."""
        try:
            with self._database.begin() as uow:
                request = ca_store.read_request(uow.connection, request_id, lock=True)
                if request.state is not State.REQUESTED:
                    return None
                return self._decision.grant(uow, _SUITE, request, decided.of(number, request))
        except WeichengError as error:
            if error.code is ErrorCode.UNAVAILABLE:
                raise
            self._refuse(batch, number, request_id, error)
            return None

    def _refuse(self, batch: Batch, number: int, request_id: str, error: WeichengError) -> None:
        with self._database.begin() as uow:
            request = ca_store.read_request(uow.connection, request_id, lock=True)
            self._decision.refuse(uow, _SUITE, request, error.text("en"))
            store.put_row(uow.connection, batch.id, number, fault=error)

    # --- key files
    def make_keys(self, context: JobContext) -> None:
        """Put the keys of all that is issued into PKCS#12 files, each under a password of its own; both wait, sealed."""
        batch_id = context.payload["batch"]
        with self._database.read() as connection:
            rows = store.deliverable(connection, batch_id)
            authorities = {one.id: one.certificate for one in ca_store.read_authorities(connection)}
        archive, listed = io.BytesIO(), [["row", "name", "file", "password"]]
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for done, row in enumerate(rows, 1):
                file, password = f"{row.number:05d}-{row.id}.p12", made_password()
                leaf = x509.load_der_x509_certificate(bytes(row.der))
                packed.writestr(file, self._file(row, leaf, authorities[row.authority], password))
                listed.append([str(row.number), _name_of(leaf), file, password])
                if done % AT_ONCE == 0:
                    context.progress(done, len(rows))
        made = {"keys": archive.getvalue(), "passwords": sheets.to_csv(listed)} if rows else {}
        sealed = {what: self._seal(batch_id, what, data) for what, data in made.items()}
        with context.finish({"keys": len(rows)}) as uow:
            store.keys_taken(uow.connection, [row.id for row in rows])
            if sealed:
                store.put(uow.connection, batch_id, **sealed)

    def _file(
        self, row: Row[tuple[object, ...]], leaf: x509.Certificate, authority: bytes, password: str
    ) -> bytes:
        key = load_der_private_key(self._box.open(row.sealed_key, context=key_context(row.id)), None)
        issuer = x509.load_der_x509_certificate(authority)
        return sealed_pkcs12((key, leaf, [issuer]), password)  # type: ignore[arg-type]

    def _seal(self, batch_id: str, what: str, data: bytes) -> bytes:
        return self._box.seal(data, context=sealed_context(batch_id, what)).encode("ascii")

    def _read(self, batch_id: str) -> Batch:
        with self._database.read() as connection:
            return store.read(connection, batch_id)


def _name_of(leaf: x509.Certificate) -> str:
    """Whom the certificate names: its holder asks for the password by name, not by number."""
    named = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(named[0].value) if named else ""


def _filer(batch: Batch) -> Principal:
    """Who filed the batch, as the worker acts for them: the requests are theirs, and they can not approve them."""
    return replace(
        Principal.system("worker"), id=batch.requested_by, name=batch.requester or batch.requested_by
    )
