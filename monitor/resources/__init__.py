"""What console and API show of this room."""

from monitor.resources.devices import DEVICES
from monitor.resources.endpoints import ENDPOINTS
from monitor.resources.findings import FINDINGS
from monitor.resources.notifications import NOTIFICATIONS

RESOURCES = (DEVICES, FINDINGS, ENDPOINTS, NOTIFICATIONS)
