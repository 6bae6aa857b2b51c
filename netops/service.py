"""The room's front door: its use cases by subject, for console, command line, API and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.errors import Invalid
from kernel.i18n import N_
from netops.archive.service import ArchiveService
from netops.archive.versions import VersionService
from netops.collection.devices import DeviceService
from netops.collection.service import CollectionService
from netops.compliance.checks import Circumstances
from netops.compliance.detect import Checker
from netops.compliance.model import CheckReport
from netops.compliance.service import FindingService, RuleService
from netops.config.text import as_file
from netops.vendors import Vendor


@dataclass(frozen=True)
class NetopsService:
    """Device configurations: ``collection`` fetches, ``archive`` keeps, ``findings`` and ``rules`` judge.

    ``devices`` and ``versions`` are what people look through.
    """

    devices: DeviceService
    versions: VersionService
    collection: CollectionService
    archive: ArchiveService
    findings: FindingService
    rules: RuleService
    checker: Checker
    vendors: Mapping[str, Vendor]

    def check_text(self, text: str, platform: str, circumstances: Circumstances | None = None) -> CheckReport:
        """Check a configuration that somebody hands in: nothing is stored, no permission needed, no device asked."""
        vendor = self.vendors.get(platform)
        if vendor is None:
            raise Invalid(
                N_("The platform %(platform)s is not known."),
                mend=N_("Known are: %(known)s."),
                platform=platform,
                known=", ".join(sorted(self.vendors)),
            )
        return self.checker.check(as_file(text, vendor), vendor, circumstances or Circumstances())
