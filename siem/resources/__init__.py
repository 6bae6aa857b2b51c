"""What console and API show of alerts, cases, events, rules and senders."""

from siem.resources.alerts import ALERTS
from siem.resources.cases import CASES
from siem.resources.events import EVENTS
from siem.resources.parts import OBSERVABLES, TASKS
from siem.resources.rules import RULES
from siem.resources.sources import LOSSES, SOURCES

RESOURCES = (ALERTS, CASES, TASKS, OBSERVABLES, EVENTS, RULES, SOURCES, LOSSES)
