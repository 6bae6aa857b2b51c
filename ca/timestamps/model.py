"""A time-stamp as it is entered in the register. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Stamped:
    """``serial`` is the token's, ``certificate`` that of the TSA's certificate, both lower-case hex; ``imprint`` is the digest
    (hex) that was asked about, made by ``digest`` (sha256, sha384, sha512, sm3)."""

    serial: str
    at: datetime
    digest: str
    imprint: str
    certificate: str
