"""The ONE register: devices, systems, people, gateways and services, their zones and links."""

from kernel.assets.model import Asset, AssetKind, Link, Network, Zone

__all__ = ["Asset", "AssetKind", "Link", "Network", "Zone"]
