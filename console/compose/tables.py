"""Every module that defines tables, so that migrations and checks see the whole schema."""

from importlib import import_module
from pkgutil import walk_packages

PACKAGES = ("kernel", "ca", "netops", "monitor", "siem", "backup", "policies")
# tables live in modules of this name, and in these few whose tables are inseparable from their code
_NAMES = ("store",)
_OTHERS = (
    "kernel.audit.chain",
    "kernel.events",
    "console.exchange.idempotency",
    "ca.refusals",
)


def import_all_tables() -> None:
    """Import each room's store modules; their tables enter kernel.store.metadata."""
    for name in PACKAGES:
        package = import_module(name)
        for module in walk_packages(package.__path__, f"{name}."):
            if module.name.rsplit(".", 1)[-1] in _NAMES:
                import_module(module.name)
    for name in _OTHERS:
        import_module(name)
