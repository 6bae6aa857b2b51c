"""States, outcomes and chapters as people say them."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from kernel.edges.resources import Filter, Label, Labels, Tone
from kernel.i18n import N_
from kernel.identity.model import Principal
from policies.assessment.model import OUTCOME_TEXTS, Outcome, RemediationState, ResultState
from policies.catalogue.model import ObjectKind
from policies.listings import OVERDUE
from policies.package.state import PackageState
from policies.package.tables import AUTOMATION_TEXTS, STATE_TEXTS
from policies.systems.model import SystemState

_TONES: Mapping[Outcome, Tone] = {
    Outcome.CONFORMS: Tone.GOOD,
    Outcome.PARTLY: Tone.WARN,
    Outcome.FAILS: Tone.BAD,
    Outcome.NOT_APPLICABLE: Tone.QUIET,
    Outcome.UNPROVEN: Tone.QUIET,
}
_STATE_TONES: Mapping[ResultState, Tone] = {
    ResultState.OPEN: Tone.QUIET,
    ResultState.PROPOSED: Tone.BUSY,
    ResultState.DECIDED: Tone.QUIET,
    ResultState.CONFIRMED: Tone.GOOD,
}
OUTCOMES: Labels = {str(one): Label(text, _TONES[one]) for one, text in OUTCOME_TEXTS.items()}
RESULT_STATES: Labels = {str(one): Label(text, _STATE_TONES[one]) for one, text in STATE_TEXTS.items()}
AUTOMATIONS: Labels = {str(one): Label(text) for one, text in AUTOMATION_TEXTS.items()}
SYSTEM_STATES: Labels = {
    SystemState.PROPOSED: Label(N_("level proposed"), Tone.BUSY),
    SystemState.REVIEWED: Label(N_("reviewed by experts"), Tone.BUSY),
    SystemState.APPROVED: Label(N_("approved by the authority"), Tone.BUSY),
    SystemState.FILED: Label(N_("filed with the police"), Tone.GOOD),
    SystemState.RETIRED: Label(N_("out of use"), Tone.QUIET),
}
REMEDIATION_STATES: Labels = {
    RemediationState.OPEN: Label(N_("to be mended"), Tone.WARN),
    OVERDUE: Label(N_("overdue"), Tone.BAD),
    RemediationState.DONE: Label(N_("reported as mended"), Tone.BUSY),
    RemediationState.ACCEPTED: Label(N_("accepted after a look"), Tone.GOOD),
}
PACKAGE_STATES: Labels = {
    PackageState.MAKING: Label(N_("being made"), Tone.BUSY),
    PackageState.READY: Label(N_("ready to be taken away"), Tone.GOOD),
    PackageState.FAILED: Label(N_("could not be made"), Tone.BAD),
}
OBJECT_KINDS: Labels = {
    ObjectKind.DEVICE: Label(N_("each device")),
    ObjectKind.SYSTEM: Label(N_("the system as a whole")),
}
VERDICTS: Labels = {
    "conform": Label(N_("conforms to the level"), Tone.GOOD),
    "basic": Label(N_("conforms in the main"), Tone.WARN),
    "not": Label(N_("does not conform to the level"), Tone.BAD),
    "": Label(N_("conclusion still open"), Tone.QUIET),
}


def chapter_choices(app: Any, _principal: Principal) -> Mapping[str, str]:
    """The classes of the catalogue by clause."""
    classes = app.policies.assessments.catalogue.classes
    return {group.clause: f"{group.clause} {group.title.here}" for group in classes}


def system_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """The asker's systems by id."""
    return app.policies.lists.system_names(principal)  # type: ignore[no-any-return]


def assessment_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """The newest assessments of the asker's systems by id."""
    zone = ZoneInfo(app.settings.timezone)
    names = app.policies.lists.assessment_names(principal)
    return {key: f"{name} {at.astimezone(zone):%Y-%m-%d %H:%M}" for key, (name, at) in names.items()}


CHAPTER = Filter("chapter", N_("Chapter"), choices=chapter_choices)
ASSESSMENT = Filter("assessment", N_("Assessment"), choices=assessment_choices)
