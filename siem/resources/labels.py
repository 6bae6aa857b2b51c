"""Names of states, levels and verdicts as people say them."""

from kernel.edges.resources import Label, Labels, Tone
from kernel.edges.shared import FOR_INFORMATION, SEVERITIES
from kernel.i18n import N_

ALERT_STATES: Labels = {
    "new": Label(N_("New alert"), Tone.BAD),
    "acknowledged": Label(N_("Taken on"), Tone.BUSY),
    "in_case": Label(N_("In a case"), Tone.BUSY),
    "closed": Label(N_("Closed alert"), Tone.QUIET),
}
CASE_STATES: Labels = {
    "open": Label(N_("Case open"), Tone.BAD),
    "contained": Label(N_("Contained"), Tone.WARN),
    "recovered": Label(N_("Recovered"), Tone.BUSY),
    "closed": Label(N_("Case closed"), Tone.QUIET),
}
LEVELS: Labels = {**SEVERITIES, "informational": FOR_INFORMATION}
VERDICTS: Labels = {
    "true": Label(N_("Real attack or fault"), Tone.BAD),
    "false": Label(N_("False alarm"), Tone.QUIET),
    "benign": Label(N_("True but harmless"), Tone.GOOD),
}
TASK_STATES: Labels = {
    "open": Label(N_("To be done"), Tone.WARN),
    "done": Label(N_("Finished"), Tone.GOOD),
}
OBSERVABLES: Labels = {
    "ip": Label(N_("Network address")),
    "user": Label(N_("User name")),
    "host": Label(N_("Host name")),
}
SOURCE_STATES: Labels = {
    "good": Label(N_("Sending"), Tone.GOOD),
    "poor": Label(N_("Badly understood"), Tone.WARN),
    "silent": Label(N_("Silent for a day"), Tone.BAD),
}
TESTED: Labels = {
    "right": Label(N_("As its examples say"), Tone.GOOD),
    "wrong": Label(N_("Not as its examples say"), Tone.BAD),
    "changed": Label(N_("Changed since its test"), Tone.WARN),
    "untested": Label(N_("Not tested yet"), Tone.QUIET),
    "broken": Label(N_("Broken, not in use"), Tone.BAD),
}
RULE_KINDS: Labels = {
    "event": Label(N_("On one event")),
    "correlation": Label(N_("On several events")),
}
LOSS_CAUSES: Labels = {
    "udp-kernel-drops": Label(N_("UDP: came faster than it was read"), Tone.BAD),
    "udp-spool-full": Label(N_("UDP: no room in the spool"), Tone.BAD),
    "tcp-spool-full": Label(N_("TCP: no room in the spool"), Tone.BAD),
    "tls-spool-full": Label(N_("TLS: no room in the spool"), Tone.BAD),
    "tcp-connections-refused": Label(N_("TCP: connections refused"), Tone.WARN),
    "tls-connections-refused": Label(N_("TLS: connections refused"), Tone.WARN),
    "spool-sync-failed": Label(N_("The spool could not be written"), Tone.BAD),
}
RANGES: Labels = {
    "15m": Label(N_("Last 15 minutes")),
    "1h": Label(N_("Last hour")),
    "24h": Label(N_("Last 24 hours")),
    "7d": Label(N_("Last 7 days")),
    "30d": Label(N_("Last 30 days")),
}
OUTCOMES: Labels = {
    "success": Label(N_("Succeeded"), Tone.GOOD),
    "failure": Label(N_("Failed"), Tone.BAD),
    "unknown": Label(N_("Outcome unknown"), Tone.QUIET),
}
