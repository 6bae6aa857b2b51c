"""``weicheng serve collector``: the receivers of logs and traps in one process."""

from console.compose.app import App
from console.compose.monitor import build_trap_receiver
from kernel.config import Settings


def serve(settings: Settings) -> int:
    """Receive until SIGTERM or SIGINT; 0 after an orderly end."""
    from siem.collector import serve as receive_logs

    app = App(settings)
    traps = build_trap_receiver(app.floor, app.monitor)
    traps.start()
    try:
        return receive_logs(settings.collector, app.siem.intake)
    finally:
        traps.stop()
