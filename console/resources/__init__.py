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


@cache
def words_of(name: str) -> Mapping[str, Mapping[str, str]]:
    """What people call the values of a declaration's columns: column -> value -> message id. Loads that room alone."""
    room = name.partition(".")[0]
    module = next(one for one in MODULES if room in one.split("."))
    declared = next(one for one in import_module(module).RESOURCES if one.name == name)
    return {
        column.name: {str(value): label.text for value, label in column.labels.items()}
        for column in declared.columns
        if column.labels
    }
