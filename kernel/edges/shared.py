"""What the declarations of several rooms share: the reason that acts ask for, names in place of ids, levels, filters."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue

from kernel.edges.resources import Filter, FilterKind, Input, Label, Labels, Tone
from kernel.i18n import N_
from kernel.identity.model import Principal

SEVERITIES: Labels = {
    "critical": Label(N_("critical"), Tone.BAD),
    "high": Label(N_("high"), Tone.BAD),
    "medium": Label(N_("medium"), Tone.WARN),
    "low": Label(N_("low"), Tone.QUIET),
}
FOR_INFORMATION = Label(N_("information"), Tone.QUIET)  # below them all, where a room has such a level


def reason_field() -> Any:
    """The reason that the audit trail keeps."""
    return Field(
        title=N_("Reason"),
        description=N_("Goes into the audit trail."),
        min_length=1,
        max_length=2000,
        json_schema_extra={"widget": "area"},
    )


class Reason(Input):
    """Why; for verbs that ask for nothing else."""

    reason: str = reason_field()


def texts(labels: Labels, names: tuple[str, ...] = ()) -> dict[str, JsonValue]:
    """The message ids of the labels (or of those named), for a form's choices."""
    return {str(name): label.text for name, label in labels.items() if not names or name in names}


def unit_names(app: Any, principal: Principal) -> Mapping[str, str]:
    """The units that the principal sees: id -> name."""
    return {unit.id: unit.name for unit in app.identity.units(principal)}


def zone_names(app: Any, principal: Principal) -> Mapping[str, str]:
    """Every zone of the register: id -> name."""
    return {zone.id: zone.name for zone in app.assets.list_zones(principal)}


UNIT = Filter("unit", N_("Unit"), choices=unit_names)
ZONE = Filter("zone", N_("Zone"), choices=zone_names)
SINCE = Filter("since", N_("Since"), FilterKind.TIME)
UNTIL = Filter("until", N_("Until"), FilterKind.TIME)
