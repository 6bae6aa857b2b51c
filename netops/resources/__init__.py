"""What console and API show of this room."""

from netops.resources.devices import DEVICES
from netops.resources.findings import FINDINGS
from netops.resources.rules import RULES
from netops.resources.versions import VERSIONS

RESOURCES = (DEVICES, FINDINGS, VERSIONS, RULES)
