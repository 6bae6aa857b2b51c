"""The application: every room built over one floor, each at its first use."""

from functools import cached_property
from typing import TYPE_CHECKING

from kernel.clock import Clock, SystemClock
from kernel.config import Settings, load_settings
from kernel.edges.cli import Output
from kernel.errors import NotPermitted
from kernel.i18n import N_
from kernel.identity.model import Principal

if TYPE_CHECKING:
    from backup.service import BackupService
    from ca.service import CaService
    from console.compose.floor import Floor
    from kernel.assets.service import Register
    from kernel.audit.trail import AuditTrail
    from kernel.evidence.service import EvidenceService
    from kernel.identity.service import IdentityService
    from kernel.jobs.queue import JobQueue
    from monitor.service import MonitorService
    from netops.service import NetopsService
    from policies.service import PoliciesService
    from siem.service import SiemService

ROOMS = ("ca", "netops", "monitor", "siem", "backup", "policies")


class App:
    """What edges are handed: the rooms' services, the kernel's, who is signed in, and where output goes."""

    def __init__(self, settings: Settings, clock: Clock | None = None, output: Output | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.out = output or Output()

    @classmethod
    def from_settings(cls, output: Output | None = None) -> "App":
        """Build from the settings file, variables and secret files of this process."""
        return cls(load_settings(), output=output)

    # --- the floor
    @cached_property
    def floor(self) -> "Floor":
        from console.compose.floor import build_floor
        from console.compose.schema import require_current
        from console.compose.seal import CaCertificates, CaSealer

        floor = build_floor(
            self.settings, self.clock, CaCertificates(lambda: self.ca), CaSealer(lambda: self.ca)
        )
        require_current(floor.database)
        return floor

    @property
    def identity(self) -> "IdentityService":
        return self.floor.identity

    @property
    def assets(self) -> "Register":
        return self.floor.register

    @property
    def audit(self) -> "AuditTrail":
        return self.floor.trail

    @property
    def evidence(self) -> "EvidenceService":
        return self.floor.evidence

    @property
    def jobs(self) -> "JobQueue":
        return self.floor.jobs

    # --- the rooms
    @cached_property
    def ca(self) -> "CaService":
        from console.compose.ca import build
        from console.compose.seen import seen_by

        return build(self.floor, lambda: seen_by(self.monitor))

    @cached_property
    def netops(self) -> "NetopsService":
        from console.compose.netops import build

        return build(self.floor)

    @cached_property
    def monitor(self) -> "MonitorService":
        from console.compose.monitor import build

        return build(self.floor)

    @cached_property
    def siem(self) -> "SiemService":
        from console.compose.siem import build

        return build(self.floor)

    @cached_property
    def backup(self) -> "BackupService":
        from console.compose.backup import build

        return build(self.floor)

    @cached_property
    def policies(self) -> "PoliciesService":
        from console.compose.policies import build

        return build(self.floor)

    # --- who acts
    @cached_property
    def person(self) -> Principal:
        """Who is signed in on this command line; Unauthenticated when nobody is."""
        from console.commands.session import read_token

        return self.floor.sign_in.principal(read_token())

    @property
    def principal(self) -> Principal:
        """Who is signed in and may work: NotPermitted before they made the first password their own."""
        if self.person.must_change:
            raise NotPermitted(
                N_("The first password is known to somebody else."),
                mend=N_("Set your own first: weicheng account password."),
            )
        return self.person
