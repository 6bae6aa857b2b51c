"""Values of a collection: what to fetch, what came of it, and the typed errors of one device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kernel.credentials import Credential
from kernel.errors import ErrorCode, WeichengError
from kernel.i18n import N_
from netops.compliance.model import Severity
from netops.vendors import Vendor

COLLECT = "netops.collect"  # the kind of job that collects


class Source(StrEnum):
    """Why a collection runs."""

    ON_DEMAND = "on_demand"
    SCHEDULED = "scheduled"


class DeviceState(StrEnum):
    """What the last run did for a device; ``never``: none has tried it yet."""

    NEVER = "never"
    FIRST = "first"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class HostKey:
    """A device's SSH host key as pinned: type and OpenSSH fingerprint (``SHA256:`` + base64)."""

    kind: str
    fingerprint: str


@dataclass(frozen=True)
class Target:
    """One device to fetch from. ``pinned`` None means trust on first use; ``legacy`` allows outdated algorithms."""

    device_id: str
    name: str
    address: str
    port: int
    vendor: Vendor
    credential: Credential = field(repr=False)
    pinned: HostKey | None = None
    legacy: bool = False
    timeout: float = 60.0


@dataclass(frozen=True)
class Fetched:
    """The device's answer to the configuration command, as shown on the screen, and the host key that it proved."""

    target: Target
    screen: str = field(repr=False)
    host_key: HostKey
    seconds: float


@dataclass(frozen=True)
class NotFetched:
    """The device gave no configuration, and why."""

    target: Target
    error: WeichengError
    seconds: float


Outcome = Fetched | NotFetched


class LoginFailed(WeichengError):
    """The device does not accept the credential."""

    def __init__(self, place: str) -> None:
        super().__init__(
            ErrorCode.UNAUTHENTICATED,
            N_("The device refused the login."),
            mend=N_("Correct the credential that the register names for it."),
            place=place,
        )


class Unreachable(WeichengError):
    """No SSH connection came about."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(
            ErrorCode.UNAVAILABLE,
            N_("The device can not be reached: %(detail)s"),
            mend=N_("Check address and port in the register, the cabling and the access lists."),
            place=place,
            detail=detail,
        )


class SessionBroken(WeichengError):
    """The session ended or fell silent before the configuration was whole; nothing was kept."""

    def __init__(self, place: str, message: str, **params: object) -> None:
        mend = N_("Collect it again; the last version stays in force.")
        super().__init__(ErrorCode.UNAVAILABLE, message, mend=mend, place=place, **params)


class HostKeyChanged(WeichengError):
    """Another host key than the pinned one: a new device, or somebody in between. No password was sent."""

    def __init__(self, place: str, pinned: HostKey, shown: HostKey) -> None:
        super().__init__(
            ErrorCode.INTEGRITY,
            N_("The host key changed from %(pinned)s to %(shown)s; no password was sent."),
            mend=N_(
                "Find out why. If the device was replaced: weicheng netops trust --device NAME --fingerprint NEW."
            ),
            place=place,
            pinned=pinned.fingerprint,
            shown=shown.fingerprint,
        )
        self.shown = shown


class LegacyAlgorithmsOnly(WeichengError):
    """The device offers only algorithms that are not allowed by default."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(
            ErrorCode.UNAVAILABLE,
            N_("The device offers only outdated SSH algorithms: %(detail)s"),
            mend=N_(
                "Upgrade it, or set the attribute ssh_legacy in the register, which is itself a finding."
            ),
            place=place,
            detail=detail,
        )


class WrongPlatform(WeichengError):
    """The prompt is not one of the registered platform."""

    def __init__(self, place: str, platform: str, prompt: str) -> None:
        super().__init__(
            ErrorCode.INVALID,
            N_("The prompt %(prompt)s is none of %(platform)s."),
            mend=N_("Correct the platform in the register."),
            place=place,
            platform=platform,
            prompt=prompt[:60],
        )


@dataclass(frozen=True)
class DeviceResult:
    """What a run did for one device, for people and for evidence."""

    device: str
    state: DeviceState
    seconds: float
    version: str = ""
    digest: str = ""
    lines: int = 0
    unread: int = 0
    opened: int = 0
    fixed: int = 0
    error: WeichengError | None = None


@dataclass(frozen=True)
class RunReport:
    """One collection run. ``findings`` counts the present ones by severity."""

    id: str
    source: Source
    started_at: datetime
    finished_at: datetime
    results: tuple[DeviceResult, ...]
    findings: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[DeviceResult, ...]:
        return tuple(result for result in self.results if result.state is DeviceState.FAILED)


@dataclass(frozen=True)
class DeviceStanding:
    """A registered device as its configuration is looked after: the last attempt, the newest version, what is wrong.

    ``error`` is why the last attempt failed; ``findings`` counts those that are there by severity; ``host_key`` only when one
    device is asked for.
    """

    id: str
    name: str
    unit: str
    zone: str
    zone_name: str
    address: str
    platform: str
    state: DeviceState
    at: datetime | None
    version: str
    version_at: datetime | None
    error: WeichengError | None = None
    findings: Mapping[Severity, int] = field(default_factory=dict)
    host_key: HostKey | None = None


@dataclass(frozen=True)
class KeptVersion:
    """A version as the database knows it. ``id`` is unique over all devices; ``added`` and ``removed`` count lines against the
    version before, None for a first one; ``actor`` is who had it collected, by name.
    """

    device_id: str
    device: str
    unit: str
    platform: str
    version: str
    digest: str
    lines: int
    unread: int
    added: int | None
    removed: int | None
    source: str
    actor: str
    collected_at: datetime
    seen_at: datetime
    legacy_ssh: bool = False

    @property
    def id(self) -> str:
        return f"{self.device_id}.{self.version}"
