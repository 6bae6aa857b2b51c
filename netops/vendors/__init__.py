"""What is known of each platform, as data: one YAML file per platform, read by ``load_vendors``."""

from netops.vendors.model import Vendor, load_vendors

__all__ = ["Vendor", "load_vendors"]
