"""netmiko's connections without their preparations: log in, and nothing more.

netmiko's own preparations read by waiting a while, which slow devices outlast; the Huawei one answers a question by saving the
configuration and the ASA one enters configuration mode, which a collector must never do. What a platform needs stands in its
file and is done by ``netops.collection.terminal``.
"""

from typing import Any

from netmiko import BaseConnection
from netmiko.ssh_dispatcher import CLASS_MAPPER

from netops.vendors import Vendor


class _Quiet:
    """Takes the place of what netmiko would do on the open channel."""

    def special_login_handler(self, delay_factor: float = 1.0) -> None:
        """Questions at login, prompt and paging are the terminal's."""


def connection_class(vendor: Vendor) -> type[Any]:
    """The netmiko class of the platform (its way of SSH and its escape codes), kept quiet."""
    base = CLASS_MAPPER[vendor.driver] if vendor.driver != "generic" else BaseConnection
    return type(f"Quiet{base.__name__}", (_Quiet, base), {})
