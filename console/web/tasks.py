"""What each role does day by day: in words, the page where it is done, and the command line that does the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.i18n import N_
from kernel.identity.model import Role


@dataclass(frozen=True)
class Task:
    """Something a role does: a message id, the path of its page, and its command."""

    text: str
    page: str
    command: str


TASKS: Mapping[Role, tuple[Task, ...]] = {
    Role.SYSTEM_ADMINISTRATOR: (
        Task(N_("Make accounts and units, unlock people"), "/identity/accounts", "weicheng account add"),
        Task(N_("See what the worker did and what failed"), "/jobs/jobs", "weicheng job list"),
        Task(N_("See whether every part of the suite works"), "/health", "weicheng config check"),
    ),
    Role.SECURITY_OFFICER: (
        Task(
            N_("Decide on certificate requests"),
            "/ca/requests?filter[state]=requested",
            "weicheng ca requests",
        ),
        Task(
            N_("Suspend or revoke a certificate"),
            "/ca/certificates?filter[state]=issued",
            "weicheng ca revoke",
        ),
        Task(N_("Renew CAs and services before they end"), "/ca/ends", "weicheng ca ends"),
        Task(N_("Grant roles to new colleagues"), "/identity/accounts", "weicheng account grant"),
        Task(
            N_("Decide on exceptions from the baseline"),
            "/netops/findings?filter[state]=open",
            "weicheng netops findings",
        ),
        Task(N_("Assess a system and confirm the results"), "/policies/systems", "weicheng policies assess"),
    ),
    Role.AUDITOR: (
        Task(N_("Verify the whole audit trail"), "/audit/records", "weicheng audit verify"),
        Task(
            N_("Look through what was refused"),
            "/audit/records?filter[outcome]=denied",
            "weicheng audit find",
        ),
        Task(N_("Export the trail for an outside check"), "/audit/records", "weicheng audit export"),
    ),
    Role.REGISTRAR: (
        Task(
            N_("File a request for an applicant of your unit"), "/ca/requests/-/file", "weicheng ca request"
        ),
        Task(N_("File many requests from a spreadsheet"), "/ca/batches", "weicheng ca batch file"),
        Task(N_("Renew certificates before they end"), "/ca/renewals", "weicheng ca renewals"),
        Task(N_("Follow your unit's requests"), "/ca/requests", "weicheng ca requests"),
        Task(N_("Look up the unit's devices and systems"), "/assets/assets", "weicheng assets list"),
    ),
    Role.NETWORK_ADMINISTRATOR: (
        Task(
            N_("Work through the findings in configurations"),
            "/netops/findings?filter[state]=open",
            "weicheng netops findings",
        ),
        Task(N_("Collect configurations now"), "/netops/devices", "weicheng netops collect"),
        Task(N_("See how every device stands"), "/monitor/devices", "weicheng monitor status"),
        Task(N_("Compare the network with the register"), "/monitor/findings", "weicheng monitor topology"),
        Task(N_("Keep the register of devices up to date"), "/assets/assets", "weicheng assets import"),
    ),
    Role.SOC_ANALYST: (
        Task(N_("Work through the alerts, highest risk first"), "/siem/alerts", "weicheng siem alerts"),
        Task(N_("Carry on with open cases"), "/siem/cases", "weicheng siem case list"),
        Task(N_("Search the logs"), "/siem/events", "weicheng siem search"),
    ),
    Role.DR_ADMINISTRATOR: (
        Task(N_("See what is proven at which site"), "/backup/replicas", "weicheng backup status"),
        Task(N_("Verify the replicas"), "/backup/replicas", "weicheng backup verify"),
        Task(N_("Hold a restore drill"), "/backup/replicas", "weicheng backup drill"),
    ),
    Role.ASSESSOR: (
        Task(N_("Read the results of an assessment"), "/policies/results", "weicheng policies controls"),
        Task(N_("Take an evidence package away"), "/policies/packages", "weicheng policies export"),
        Task(N_("Verify records and seals"), "/evidence/records", "weicheng evidence verify"),
    ),
}
