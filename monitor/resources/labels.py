"""Names of states, kinds and severities, and what the declarations of this room share."""

from collections.abc import Mapping
from typing import Any

from kernel.edges import shared
from kernel.edges.resources import Label, Labels, Tone
from kernel.i18n import N_
from monitor.model import DeviceState, FindingKind, FindingState, Problem
from monitor.standing import EndpointState

SEVERITIES: Labels = {**shared.SEVERITIES, "info": shared.FOR_INFORMATION}
DEVICE_STATES: Labels = {
    DeviceState.DOWN: Label(N_("does not answer"), Tone.BAD),
    DeviceState.DEGRADED: Label(N_("a threshold is crossed"), Tone.WARN),
    DeviceState.UP: Label(N_("answers, within limits"), Tone.GOOD),
    DeviceState.UNKNOWN: Label(N_("not known"), Tone.QUIET),
}
PROBLEMS: Labels = {
    Problem.TIMEOUT: Label(N_("no answer in time"), Tone.BAD),
    Problem.AUTHENTICATION: Label(N_("it does not accept our credential"), Tone.WARN),
    Problem.CREDENTIAL: Label(N_("its credential is not stored"), Tone.WARN),
    Problem.PROTOCOL: Label(N_("its answer makes no sense"), Tone.WARN),
}
FINDING_STATES: Labels = {
    FindingState.OPEN: Label(N_("not dealt with yet"), Tone.BAD),
    FindingState.ACKNOWLEDGED: Label(N_("taken on"), Tone.BUSY),
    FindingState.EXCEPTED: Label(N_("accepted until a date"), Tone.WARN),
    FindingState.FIXED: Label(N_("said to be mended, to be checked"), Tone.BUSY),
    FindingState.VERIFIED: Label(N_("mended, as a check found"), Tone.GOOD),
}
KINDS: Labels = {
    FindingKind.GATEWAY_BYPASS: Label(N_("link around the isolation gateway"), Tone.BAD),
    FindingKind.UNREGISTERED_DEVICE: Label(N_("device that is not registered"), Tone.BAD),
    FindingKind.UNREGISTERED_LINK: Label(N_("link that is not registered"), Tone.WARN),
    FindingKind.MOVED_LINK: Label(N_("link in another place than registered"), Tone.WARN),
    FindingKind.MISSING_LINK: Label(N_("registered link that is not there"), Tone.WARN),
    FindingKind.EXPIRED_CERTIFICATE: Label(N_("certificate has expired"), Tone.BAD),
    FindingKind.CERTIFICATE_NOT_YET_VALID: Label(N_("certificate is not valid yet"), Tone.WARN),
    FindingKind.EXPIRING_CERTIFICATE: Label(N_("certificate expires soon"), Tone.WARN),
    FindingKind.UNREACHABLE_SERVICE: Label(N_("service can not be reached"), Tone.BAD),
}
ENDPOINT_STATES: Labels = {
    EndpointState.EXPIRED: Label(N_("certificate has expired"), Tone.BAD),
    EndpointState.UNREACHABLE: Label(N_("service can not be reached"), Tone.BAD),
    EndpointState.NOT_YET_VALID: Label(N_("certificate is not valid yet"), Tone.WARN),
    EndpointState.EXPIRING: Label(N_("certificate expires soon"), Tone.WARN),
    EndpointState.NONE: Label(N_("no certificate that can be read"), Tone.WARN),
    EndpointState.VALID: Label(N_("certificate is valid"), Tone.GOOD),
    EndpointState.NEVER: Label(N_("never checked"), Tone.QUIET),
}


def told(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What a check or a notification carries, one line for each value."""
    return tuple(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in values.items()
        if value not in ("", [], None)
    )
