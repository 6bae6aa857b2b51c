"""What the suite knows of its log sources, one module a family; the first that recognises a line decodes it."""

from siem.parsing.shapes import Vendor
from siem.parsing.vendors import cisco, gateway, h3c, huawei, linux, topsec

VENDORS: tuple[Vendor, ...] = (
    *cisco.VENDORS,
    *huawei.VENDORS,
    *h3c.VENDORS,
    *topsec.VENDORS,
    *gateway.VENDORS,
    *linux.VENDORS,
)
