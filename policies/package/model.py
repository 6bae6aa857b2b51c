"""The manifest of an evidence package, and what can be wrong with a package. Values only.

The manifest is JSON whose ``digests`` stand one a line, so that verify.sh reads them without a JSON parser.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from kernel.canonical import sha256_hex
from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from policies.assessment.model import Outcome, Result

FORMAT = "weicheng-evidence-package/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.p7s"
TOKEN = "manifest.json.p7s.tst"  # noqa: S105 - a file name
INTERMEDIATES = "certificates/intermediates.pem"
VERIFIER = "verify.sh"
UNLISTED = frozenset({MANIFEST, SIGNATURE, TOKEN})
_PATH = re.compile(r"(?!/)(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}/){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class PackageRefused(IntegrityFailed):
    """A package that does not hold; ``faults`` names everything found."""

    def __init__(self, faults: "tuple[PackageFault, ...]") -> None:
        super().__init__(
            N_("The package does not hold: %(count)s faults."),
            mend=N_("Ask whoever gave it for the original."),
            count=len(faults),
        )
        self.faults = faults


class PackageFaultKind(StrEnum):
    """What is wrong with a package: a file, its seal, or the seal of one record in it."""

    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"
    RECORD = "record"


@dataclass(frozen=True)
class PackageFault:
    """One fault: its kind, the file, and a message id."""

    kind: PackageFaultKind
    place: str
    message: str


@dataclass(frozen=True)
class Filters:
    """What of an assessment is asked for; empty means all. ``controls`` are prefixes such as L3-8.1.4.

    ``sample`` (0: all) draws so many of what is left; the same ``seed`` draws the same, so that a draw can be repeated.
    """

    controls: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    objects: tuple[str, ...] = ()
    sample: int = 0
    seed: str = ""

    def choose(self, results: Sequence[Result]) -> list[Result]:
        """The results that are asked for, in their own order."""
        taken = [result for result in results if self.take(result)]
        if not 0 < self.sample < len(taken):
            return taken
        drawn = sorted(taken, key=lambda result: sha256_hex(f"{self.seed}/{result.id}".encode()))
        chosen = {result.id for result in drawn[: self.sample]}
        return [result for result in taken if result.id in chosen]

    def take(self, result: Result) -> bool:
        """Whether the result is asked for."""
        return (
            (not self.controls or any(_within(result.item, prefix) for prefix in self.controls))
            and (not self.outcomes or result.outcome in self.outcomes)
            and (not self.objects or result.object_id in self.objects or result.object_name in self.objects)
        )


@dataclass(frozen=True)
class Manifest:
    """``key_id`` is the SHA-256 fingerprint of the signer's certificate; ``digests`` path -> SHA-256 (hex)."""

    id: str
    made_at: str
    made_by: str
    system: Mapping[str, Any]
    assessment: Mapping[str, Any]
    filters: Mapping[str, Any]
    masking: str
    period: Mapping[str, Any]
    order: str
    count: Mapping[str, int]
    key_id: str
    digests: Mapping[str, str] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The bytes that are signed; equal manifests give equal bytes."""
        value = {"format": FORMAT, **asdict(self)} | {"digests": dict(sorted(self.digests.items()))}
        return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """The manifest, or Invalid; paths are plain relative ones, digests 64 hex digits."""
    try:
        value = json.loads(data)
        if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
            raise ValueError("format")
        manifest = Manifest(**value)
        pairs = dict(manifest.digests).items()
        if not all(is_plain_path(path) and _DIGEST.fullmatch(digest) for path, digest in pairs):
            raise ValueError("digests")
        if not isinstance(manifest.key_id, str):
            raise TypeError("key_id")
        exact = manifest.dump() == data
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _no_manifest() from error
    if not exact:
        raise _no_manifest()
    return manifest


def is_plain_path(path: str) -> bool:
    """ASCII letters, digits, ``._-``, at most three folders, no ``..`` and nothing hidden."""
    return bool(_PATH.fullmatch(path)) and path not in UNLISTED


def _no_manifest() -> Invalid:
    return Invalid(
        N_("This is no manifest of an evidence package (format 1)."),
        mend=N_("Ask for the original package."),
        place=MANIFEST,
    )


def _within(item: str, prefix: str) -> bool:
    return item == prefix or item.startswith((prefix + ".", prefix + "-"))
