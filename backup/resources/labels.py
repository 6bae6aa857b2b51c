"""States, verdicts, levels and layers as people say them."""

from collections.abc import Mapping
from typing import Any

from backup.model import FindingKind, Layer, RunState, SiteKind, Verdict
from backup.overview import Standing
from kernel.edges.resources import Filter, Label, Labels, Tone
from kernel.i18n import N_
from kernel.identity.model import Principal

STANDINGS: Labels = {
    Standing.PROVED: Label(N_("proved by verification"), Tone.GOOD),
    Standing.OLD_PROOF: Label(N_("verified too long ago"), Tone.WARN),
    Standing.UNPROVEN: Label(N_("not verified"), Tone.WARN),
    Standing.UNREACHABLE: Label(N_("site not reached"), Tone.WARN),
    Standing.LATE: Label(N_("older than the RPO"), Tone.WARN),
    Standing.MISSING: Label(N_("no backup here"), Tone.BAD),
    Standing.DAMAGED: Label(N_("damaged or not restorable"), Tone.BAD),
}
RUN_STATES: Labels = {
    RunState.PLANNED: Label(N_("about to start"), Tone.BUSY),
    RunState.RUNNING: Label(N_("in progress"), Tone.BUSY),
    RunState.STORED: Label(N_("stored at the first site"), Tone.WARN),
    RunState.REPLICATED: Label(N_("copied to all sites"), Tone.QUIET),
    RunState.VERIFIED: Label(N_("verified at all sites"), Tone.GOOD),
    RunState.FAILED: Label(N_("backup failed"), Tone.BAD),
}
VERDICTS: Labels = {
    Verdict.PASS: Label(N_("passed the check"), Tone.GOOD),
    Verdict.FAIL: Label(N_("failed the check"), Tone.BAD),
    Verdict.UNKNOWN: Label(N_("could not be judged"), Tone.WARN),
}
FINDINGS: Labels = {
    FindingKind.CHANGED: Label(N_("bytes changed"), Tone.BAD),
    FindingKind.TRUNCATED: Label(N_("size differs"), Tone.BAD),
    FindingKind.MISSING: Label(N_("file missing"), Tone.BAD),
    FindingKind.EXTRA: Label(N_("file too many"), Tone.WARN),
    FindingKind.STALE: Label(N_("behind the newest receipt"), Tone.WARN),
    FindingKind.ROLLED_BACK: Label(N_("set back to an older state"), Tone.BAD),
    FindingKind.STRUCTURE: Label(N_("structure damaged"), Tone.BAD),
    FindingKind.UNREADABLE: Label(N_("unreadable"), Tone.BAD),
    FindingKind.RESTORE: Label(N_("restored bytes differ"), Tone.BAD),
    FindingKind.APPLICATION: Label(N_("application does not answer as it should"), Tone.BAD),
}
LEVELS: Labels = {
    "-": Label(N_("no level reached")),
    "V0": Label(N_("V0 present and fresh")),
    "V1": Label(N_("V1 structure sound")),
    "V2": Label(N_("V2 every byte read")),
    "V3": Label(N_("V3 restored and equal")),
    "V4": Label(N_("V4 application answers")),
    "V5": Label(N_("V5 switched over")),
}
LAYERS: Labels = {
    Layer.DATABASE: Label(N_("database")),
    Layer.FILES: Label(N_("files and evidence")),
    Layer.EVENT_STORE: Label(N_("event store")),
    Layer.CONFIGURATIONS: Label(N_("device configurations")),
    Layer.CA: Label(N_("CA and keys")),
}
KINDS: Labels = {
    SiteKind.SAME_CITY: Label(N_("same city")),
    SiteKind.REMOTE: Label(N_("remote city")),
    SiteKind.PROVINCIAL: Label(N_("provincial centre")),
}
CHAIN: Labels = {
    "sound": Label(N_("chain intact"), Tone.GOOD),
    "broken": Label(N_("changed or torn from the chain"), Tone.BAD),
}


def plan_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """The asker's plans by id, with their titles."""
    return {plan.id: f"{plan.id} {plan.title.here}" for plan in app.backup.plans(principal)}


def site_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """The sites of the asker's plans."""
    names = {site.name for plan in app.backup.plans(principal) for site in plan.sites}
    return {name: name for name in sorted(names)}


PLAN = Filter("plan", N_("Backup plan"), choices=plan_choices)
SITE = Filter("site", N_("Site"), choices=site_choices)
VERDICT = Filter("verdict", N_("Verdict"), labels=VERDICTS)
