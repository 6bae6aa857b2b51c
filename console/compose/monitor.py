"""Monitoring, built over the floor."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from console.compose.floor import Floor
from monitor.adapters.snmp import PysnmpClient
from monitor.adapters.tls import TlsProbe
from monitor.adapters.traps import TrapReceiver
from monitor.model import Trap
from monitor.service import MonitorService, Services
from monitor.thresholds import Threshold, parse_thresholds

THRESHOLDS = Path(__file__).parent.parent.parent / "policies" / "data" / "thresholds"


def build(floor: Floor) -> MonitorService:
    """The room with its real adapters."""
    kernel = Services(
        floor.database, floor.clock, floor.access, floor.register, floor.credentials, floor.evidence
    )
    keep = timedelta(days=floor.settings.retention.samples_days)
    patience = floor.settings.monitor
    client = PysnmpClient(
        in_flight=patience.agents_at_once, timeout=patience.snmp_timeout, retries=patience.snmp_retries
    )
    probe = TlsProbe(timeout=patience.tls_timeout)
    return MonitorService(kernel, client, probe, load_thresholds(), keep)


def load_thresholds(folder: Path = THRESHOLDS) -> list[Threshold]:
    """Every threshold of the policy data."""
    files: dict[str, Any] = {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")
    }
    return parse_thresholds(files)


def build_trap_receiver(floor: Floor, service: MonitorService) -> TrapReceiver:
    """The receiver of traps for the collector process: users and communities are those of the stored credentials."""
    credentials = [floor.credentials.get(name) for name in floor.credentials.names()]
    collector = floor.settings.collector

    def sink(trap: Trap) -> None:
        service.notifications.receive(trap)

    def on_error(error: Exception) -> None:
        floor.log.error("trap not kept", exc_info=error)

    return TrapReceiver(collector.host, collector.trap_port, credentials, sink, on_error)
