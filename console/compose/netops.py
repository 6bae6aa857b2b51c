"""Building the room of device configurations."""

import secrets
from pathlib import Path

from console.compose.floor import Floor
from kernel.errors import Unavailable
from kernel.i18n import N_
from kernel.secrets import write_private
from netops.archive.git import GitArchive
from netops.archive.service import ArchiveService
from netops.archive.versions import VersionService
from netops.collection.devices import DeviceService
from netops.collection.netmiko_collector import NetmikoCollector
from netops.collection.service import CollectionService
from netops.collection.targets import Targets
from netops.compliance.detect import Checker
from netops.compliance.rules import load_rules
from netops.compliance.service import FindingService, RuleService
from netops.config.masking import Masker
from netops.service import NetopsService
from netops.vendors import load_vendors

BASELINES = Path(__file__).parent.parent.parent / "policies" / "data" / "baselines"


def build(floor: Floor) -> NetopsService:
    """The service over one floor: archive and masking key lie below the data folder, rules come from policies."""
    settings, data = floor.settings.netops, floor.settings.data_dir
    masker = Masker(_masking_key(data / "secrets" / "netops-mask.key"))
    checker = Checker(load_rules(settings.baselines or BASELINES), masker)
    vendors = load_vendors()
    archive = GitArchive(data / "netops" / "archive.git")
    findings = FindingService(floor.database, floor.clock, floor.access)
    targets = Targets(
        floor.database, floor.access, floor.register, floor.credentials, vendors, settings.read_seconds
    )
    return NetopsService(
        devices=DeviceService(floor.database, floor.access),
        versions=VersionService(
            database=floor.database,
            access=floor.access,
            register=floor.register,
            archive=archive,
            targets=targets,
            checker=checker,
        ),
        collection=_collection(floor, archive, findings, targets, checker),
        archive=ArchiveService(
            database=floor.database,
            access=floor.access,
            register=floor.register,
            archive=archive,
            blobs=floor.blobs,
            box=floor.box,
        ),
        findings=findings,
        rules=RuleService(floor.access, checker.book),
        checker=checker,
        vendors=vendors,
    )


def _collection(
    floor: Floor, archive: GitArchive, findings: FindingService, targets: Targets, checker: Checker
) -> CollectionService:
    settings = floor.settings.netops
    return CollectionService(
        database=floor.database,
        clock=floor.clock,
        access=floor.access,
        targets=targets,
        evidence=floor.evidence,
        findings=findings,
        collector=NetmikoCollector(settings.threads, settings.connect_seconds),
        archive=archive,
        blobs=floor.blobs,
        box=floor.box,
        checker=checker,
    )


def _masking_key(path: Path) -> bytes:
    """The key of this installation, made at first use; another key would make every secret look changed."""
    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    if path.stat().st_mode & 0o077:
        raise Unavailable(
            N_("The key file can be read by others."), mend=N_("Run chmod 600 on it."), place=str(path)
        )
    return path.read_bytes()
