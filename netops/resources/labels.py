"""Names of states and severities, and what the declarations of this room share."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from kernel.edges.resources import Label, Labels, Tone
from kernel.edges.shared import Reason
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from netops.collection.model import DeviceState, Source
from netops.compliance.model import FindingState

FINDING_STATES: Labels = {
    FindingState.OPEN: Label(N_("not dealt with yet"), Tone.BAD),
    FindingState.ACKNOWLEDGED: Label(N_("taken on"), Tone.BUSY),
    FindingState.EXCEPTED: Label(N_("accepted until a date"), Tone.WARN),
    FindingState.FIXED: Label(N_("no longer found, to be confirmed"), Tone.BUSY),
    FindingState.VERIFIED: Label(N_("confirmed as mended"), Tone.GOOD),
}
DEVICE_STATES: Labels = {
    DeviceState.NEVER: Label(N_("never collected"), Tone.QUIET),
    DeviceState.FIRST: Label(N_("collected for the first time"), Tone.GOOD),
    DeviceState.CHANGED: Label(N_("collected, changed"), Tone.WARN),
    DeviceState.UNCHANGED: Label(N_("collected, unchanged"), Tone.GOOD),
    DeviceState.FAILED: Label(N_("collection failed"), Tone.BAD),
}
SOURCES: Labels = {
    Source.ON_DEMAND: Label(N_("on demand")),
    Source.SCHEDULED: Label(N_("by schedule")),
}


class ExceptionUntil(Reason):
    owner: str = Field(title=N_("Who answers for it"), min_length=1, max_length=120)
    until: date = Field(title=N_("Last day"), description=N_("At most a year ahead."))


def platforms(app: Any, _principal: Principal) -> Mapping[str, str]:
    """Platform -> its name."""
    language = current_language()
    return {name: vendor.title.text(language) for name, vendor in sorted(app.netops.vendors.items())}
