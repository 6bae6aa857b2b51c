"""Every declaration of the suite: the rooms' and, in this package, those of the kernel's objects."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from kernel.edges.resources import Resource

# in the order of the menu; whoever declares an object adds the module here
MODULES: tuple[str, ...] = (
    "ca.resources",
    "netops.resources",
    "monitor.resources",
    "siem.resources",
    "backup.resources",
    "policies.resources",
    "console.resources.identity",
    "console.resources.audit",
    "console.resources.jobs",
    "console.resources.evidence",
    "console.resources.assets",
)


@cache
def resources() -> Mapping[str, Resource]:
    """All declarations by name ("room.plural")."""
    declared = [resource for name in MODULES for resource in import_module(name).RESOURCES]
    return {resource.name: resource for resource in declared}
