"""The use case of collecting: registered devices → whole, masked, versioned configurations → findings → evidence.

Order of what is kept, so that a killed run loses nothing and repeats nothing: the original sealed (blob), the masked text
(archive), then one transaction with version, result, host key, findings, events and audit. Whatever a kill cuts off is done
by the next run, which finds the text already in the archive.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kernel.assets.model import Asset
from kernel.audit.model import AuditAction
from kernel.blobs import BlobStore
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound, Unavailable, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.secrets import SecretBox
from kernel.store import Database, UnitOfWork
from netops.archive.model import Version
from netops.archive.names import archive_name
from netops.archive.ports import Archive
from netops.archive.review import counted
from netops.collection import store
from netops.collection.evidence import record_checked, record_collected
from netops.collection.model import (
    COLLECT,
    DeviceResult,
    DeviceState,
    Fetched,
    HostKey,
    HostKeyChanged,
    NotFetched,
    Outcome,
    RunReport,
    Source,
)
from netops.collection.ports import Collector
from netops.collection.targets import Targets, is_legacy
from netops.compliance.checks import Circumstances
from netops.compliance.detect import Checker
from netops.compliance.model import CheckReport, Finding
from netops.compliance.service import FindingService, Place, Synced
from netops.config.text import CleanConfig, check_size, clean

Finish = Callable[[Mapping[str, Any]], AbstractContextManager[UnitOfWork]]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Kept:
    """What one device's outcome led to, for report and evidence."""

    asset: Asset
    result: DeviceResult
    present: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Run:
    """The running collection."""

    id: str
    source: Source
    principal: Principal
    accept_shrink: bool
    started_at: datetime


class CollectionService:
    """Collects, and keeps the pinned host keys."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        access: Access,
        targets: Targets,
        evidence: EvidenceService,
        findings: FindingService,
        collector: Collector,
        archive: Archive,
        blobs: BlobStore,
        box: SecretBox,
        checker: Checker,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._targets = targets
        self._evidence = evidence
        self._findings = findings
        self._collector = collector
        self._archive = archive
        self._blobs = blobs
        self._box = box
        self._checker = checker

    def collect(
        self,
        principal: Principal,
        devices: Sequence[str] = (),
        *,
        source: Source = Source.ON_DEMAND,
        accept_shrink: bool = False,
        progress: Progress | None = None,
        finish: Finish | None = None,
    ) -> RunReport:
        """Collect the named devices (none named: all of the principal's units) at once.

        One result per device; a failed device stops no other. ``finish`` opens the last transaction (a job's own).
        """
        self._access.require(principal, Permission.NETOPS_CONFIG_COLLECT)
        assets = self._targets.chosen(principal, devices)
        run = Run(new_id("run"), source, principal, accept_shrink, self._clock.now())
        rules = self._checker.book.version
        with self._database.begin() as uow:
            store.insert_run(uow, run.id, source, principal.id, len(assets), rules, run.started_at)
            uow.audit(
                principal, AuditAction.NETOPS_COLLECT, f"run:{run.id}", details={"devices": len(assets)}
            )
        kept: list[Kept] = []
        for item in self._outcomes(run, assets):
            kept.append(item)
            if progress is not None:
                progress(len(kept), len(assets), f"{item.result.device}: {item.result.state.value}")
        return self._finish(run, sorted(kept, key=lambda item: item.result.device), finish)

    def request(
        self, principal: Principal, devices: Sequence[str] = (), *, accept_shrink: bool = False
    ) -> str:
        """Have a worker collect the named devices (none: all of the principal's units); the job's id.

        While the same is waiting or running, asking again gives the same job.
        """
        self._access.require(principal, Permission.NETOPS_CONFIG_COLLECT)
        chosen = [asset.id for asset in self._targets.chosen(principal, devices)]
        if not chosen:  # an empty list would mean every device there is
            raise NotFound(
                N_("There is no device to collect from."),
                mend=N_("Register devices with a platform and an address."),
            )
        payload = {"devices": chosen, "source": Source.ON_DEMAND.value, "accept_shrink": accept_shrink}
        key = f"{COLLECT}:{sha256_hex(canonical_json(payload))}"
        unit = self._targets.device(chosen[0]).unit if len(chosen) == 1 else principal.unit or None
        wanted = JobRequest(COLLECT, payload, key=key, unit=unit, requested_by=principal.id)
        with self._database.begin() as uow:
            job = uow.enqueue(wanted)
            details = {"kind": COLLECT, "devices": len(chosen)}
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, unit=unit, details=details)
        return job

    def trust(self, principal: Principal, device: str, fingerprint: str, *, reason: str) -> None:
        """Pin another host key after somebody has made sure that it is the device's (``SHA256:…`` as OpenSSH shows it)."""
        self._access.require(principal, Permission.NETOPS_HOSTKEY_TRUST)
        asset = self._targets.device(device)
        self._access.require(principal, Permission.NETOPS_HOSTKEY_TRUST, unit=asset.unit)
        if not fingerprint.startswith("SHA256:") or len(fingerprint) != 50:
            raise Invalid(
                N_("%(fingerprint)s is no fingerprint."),
                mend=N_("Give it as ssh-keygen -lf shows it: SHA256: and 43 characters."),
                fingerprint=fingerprint[:60],
            )
        with self._database.begin() as uow:
            before = store.pinned_key(uow.connection, asset.id)
            store.pin_key(uow, asset.id, HostKey("", fingerprint), principal.id, self._clock.now())
            details = {
                "device": asset.name,
                "before": before.fingerprint if before else "",
                "after": fingerprint,
            }
            uow.audit(
                principal, AuditAction.NETOPS_TRUST, f"device:{asset.id}", unit=asset.unit, reason=reason,
                details=details,
            )  # fmt: skip

    # --- per device
    def _outcomes(self, run: Run, assets: Sequence[Asset]) -> Iterator[Kept]:
        by_id = {asset.id: asset for asset in assets}
        targets = []
        for asset in assets:
            try:
                targets.append(self._targets.target(asset))
            except WeichengError as error:
                yield self._failed(run, asset, error, 0.0)
        circumstances = self._targets.circumstances(assets)
        for outcome in self._collector.fetch(targets):
            asset = by_id[outcome.target.device_id]
            yield self._keep(run, asset, outcome, circumstances[asset.id])

    def _keep(self, run: Run, asset: Asset, outcome: Outcome, circumstances: Circumstances) -> Kept:
        if isinstance(outcome, NotFetched):
            return self._failed(run, asset, outcome.error, outcome.seconds)
        try:
            config = clean(outcome.screen, outcome.target.vendor)
            return self._stored(run, asset, outcome, config, circumstances)
        except WeichengError as error:
            return self._failed(run, asset, error, outcome.seconds)
        except OSError as error:
            return self._failed(run, asset, _not_stored(error), outcome.seconds)

    def _stored(
        self, run: Run, asset: Asset, fetched: Fetched, config: CleanConfig, circumstances: Circumstances
    ) -> Kept:
        self._check_size(run, asset, config)
        vendor, secrets = fetched.target.vendor, fetched.target.credential.secrets()
        checker = replace(self._checker, known_secrets=secrets)
        report = checker.check(config, vendor, circumstances)
        name, author = archive_name(asset.name), run.principal.name
        version = self._archive.put(
            name, report.text, author=author, source=run.source.value, at=self._clock.now()
        ).version
        known = self._known(asset, version.id)
        original = known.original if known else self._seal(asset, config)
        changed_lines = (None, None) if known else self._changed_lines(asset, version.id)
        with self._database.begin() as uow:
            row = _version_row(run, asset, version, original, report, self._clock.now(), changed_lines)
            state = self._keep_version(uow, asset, row)
            if fetched.target.pinned is None or not fetched.target.pinned.kind:
                store.pin_key(uow, asset.id, fetched.host_key, run.principal.id, self._clock.now())
            place = Place(asset.id, asset.name, asset.unit, version.id)
            synced = self._findings.sync(uow, place, report.deviations)
            changed = state is DeviceState.CHANGED
            record_collected(uow, self._evidence, asset, version, report.text, changed=changed)
            record_checked(uow, self._evidence, asset, version, report, synced.present, checker.book)
            result = _result(asset, state, fetched.seconds, version, report, synced)
            self._record(uow, run, asset, result)
        return Kept(asset, result, synced.present)

    def _known(self, asset: Asset, version: str) -> Any:
        with self._database.read() as connection:
            return store.find_version(connection, asset.id, version)

    @staticmethod
    def _keep_version(uow: UnitOfWork, asset: Asset, row: Mapping[str, Any]) -> DeviceState:
        is_first = store.newest_version(uow.connection, asset.id) is None
        is_new = store.keep_version(uow, row)
        return DeviceState.FIRST if is_first else DeviceState.CHANGED if is_new else DeviceState.UNCHANGED

    def _changed_lines(self, asset: Asset, version: str) -> tuple[int | None, int | None]:
        """Lines added and removed since the version before; None for a first one."""
        with self._database.read() as connection:
            before = store.newest_version(connection, asset.id)
        if before is None:
            return None, None
        return counted(self._archive.diff(archive_name(asset.name), before.id, version))

    def _check_size(self, run: Run, asset: Asset, config: CleanConfig) -> None:
        if run.accept_shrink:
            return
        with self._database.read() as connection:
            last = store.newest_version(connection, asset.id)
        check_size(len(config.lines), last.lines if last else None)

    def _seal(self, asset: Asset, config: CleanConfig) -> str:
        """Keep the original for a restore, sealed for this device alone; the digest of the sealed blob."""
        sealed = self._box.seal(config.text.encode(), context=f"netops:{asset.id}")
        return self._blobs.put(sealed.encode())

    def _failed(self, run: Run, asset: Asset, error: WeichengError, seconds: float) -> Kept:
        error.place = error.place or asset.name
        result = DeviceResult(asset.name, DeviceState.FAILED, seconds, error=error)
        with self._database.begin() as uow:
            self._record(uow, run, asset, result)
            if isinstance(error, HostKeyChanged):
                data = {"device": asset.name, "shown": error.shown.fingerprint, "run": run.id}
                uow.emit(
                    Event(EventKind.NETOPS_HOSTKEY_CHANGED, f"device:{asset.name}", data, asset.unit, "high")
                )
        return Kept(asset, result)

    def _record(self, uow: UnitOfWork, run: Run, asset: Asset, result: DeviceResult) -> None:
        """Result, audit and event of one device, in the caller's transaction."""
        store.insert_result(uow, run.id, asset.id, asset.unit, result, self._clock.now())
        outcome = "failure" if result.error else "success"
        details = {
            "run": run.id,
            "device": asset.name,
            "state": result.state.value,
            "version": result.version,
        }
        if result.error:
            details |= {"error": str(result.error)[:300], "code": result.error.code.value}
        target = f"device:{asset.name}"
        uow.audit(
            run.principal,
            AuditAction.NETOPS_COLLECT,
            f"device:{asset.id}",
            unit=asset.unit,
            outcome=outcome,
            details=details,
        )
        uow.emit(Event(_KINDS[result.state], target, details, asset.unit, _severity(result)))

    # --- after
    def _finish(self, run: Run, kept: list[Kept], finish: Finish | None) -> RunReport:
        now = self._clock.now()
        report = RunReport(
            run.id,
            run.source,
            run.started_at,
            now,
            tuple(item.result for item in kept),
            findings=_by_severity(kept),
        )
        outcome = {
            "run": run.id,
            "devices": len(kept),
            "failed": len(report.failed),
            "findings": dict(report.findings),
        }
        with finish(outcome) if finish else self._database.begin() as uow:
            store.finish_run(uow, run.id, now)
        return report


_KINDS = {
    DeviceState.FIRST: EventKind.NETOPS_CONFIG_COLLECTED,
    DeviceState.UNCHANGED: EventKind.NETOPS_CONFIG_COLLECTED,
    DeviceState.CHANGED: EventKind.NETOPS_CONFIG_CHANGED,
    DeviceState.FAILED: EventKind.NETOPS_COLLECT_FAILED,
}


def _not_stored(error: OSError) -> WeichengError:
    return Unavailable(
        N_("The configuration could not be stored: %(detail)s"),
        mend=N_("Check the free space and the rights of the data folder, then collect it again."),
        detail=error.strerror or type(error).__name__,
    )


def _severity(result: DeviceResult) -> str:
    return {DeviceState.FAILED: "medium", DeviceState.CHANGED: "low"}.get(result.state, "info")


def _version_row(
    run: Run,
    asset: Asset,
    version: Version,
    original: str,
    report: CheckReport,
    now: datetime,
    changed_lines: tuple[int | None, int | None],
) -> dict[str, Any]:
    return {
        "id": version.id, "device_id": asset.id, "device": asset.name, "unit": asset.unit, "platform": asset.platform,
        "digest": version.digest, "original": original, "lines": report.lines, "unread": len(report.unread),
        "legacy_ssh": is_legacy(asset), "source": run.source.value, "actor": run.principal.id, "collected_at": version.at,
        "seen_at": now, "added": changed_lines[0], "removed": changed_lines[1],
    }  # fmt: skip


def _result(
    asset: Asset, state: DeviceState, seconds: float, version: Version, report: CheckReport, synced: Synced
) -> DeviceResult:
    return DeviceResult(
        device=asset.name, state=state, seconds=seconds, version=version.id, digest=version.digest, lines=report.lines,
        unread=len(report.unread), opened=len(synced.opened), fixed=len(synced.fixed),
    )  # fmt: skip


def _by_severity(kept: Sequence[Kept]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in kept:
        for finding in item.present:
            counts[finding.severity.value] = counts.get(finding.severity.value, 0) + 1
    return counts
