"""From what a device showed on the screen to a configuration that may be kept: clean lines, proof that it is whole."""

import re
from dataclasses import dataclass

from kernel.errors import ErrorCode, Unavailable, WeichengError
from kernel.i18n import N_
from netops.vendors import Vendor

MAX_BYTES = 32 * 1024 * 1024  # the largest known configuration files are below 10 MB
SHRINK_LIMIT = 0.5  # below this share of the last version's lines a configuration is taken for cut
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SHOWN_AS_REFUSAL = 8  # a refusal is a short screen; a longer one is a configuration that quotes such a line


class IncompleteConfig(WeichengError):
    """The text has no proof that it is the whole configuration, so it is not kept."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: object) -> None:
        super().__init__(ErrorCode.INTEGRITY, message, mend=mend, place=place, **params)


@dataclass(frozen=True)
class CleanConfig:
    """A whole configuration without echo, control characters and volatile lines; ends with a newline."""

    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def clean(screen: str, vendor: Vendor) -> CleanConfig:
    """Normalise the answer to the configuration command and prove it complete.

    Raises Unavailable when the device refused the command, IncompleteConfig when the text is cut, paged or too large.
    """
    if len(screen) > MAX_BYTES:
        raise IncompleteConfig(N_("The configuration is larger than %(limit)d MB."), limit=MAX_BYTES >> 20)
    lines = _plain_lines(screen)
    _refuse_refusal(lines, vendor)
    _refuse_pager(lines, vendor)
    kept = _without_volatile(lines, vendor)
    _refuse_cut(kept, vendor)
    return CleanConfig("\n".join(kept) + "\n")


def as_file(text: str, vendor: Vendor) -> CleanConfig:
    """A configuration file as it stands, proven complete like ``clean`` does, with the file's own line numbers."""
    clean(text, vendor)
    return CleanConfig(
        "\n".join(line.rstrip() for line in _CONTROL.sub("", text.replace("\r", "")).split("\n"))
    )


def check_size(lines: int, last_lines: int | None) -> None:
    """IncompleteConfig when the configuration has lost more than half of its lines since the last version."""
    if last_lines and lines < last_lines * SHRINK_LIMIT:
        raise IncompleteConfig(
            N_("The configuration has %(lines)d lines, the last version had %(last)d; it was not kept."),
            mend=N_("If the device was really cleared, collect it again with --accept-shrink."),
            lines=lines,
            last=last_lines,
        )


def _plain_lines(screen: str) -> list[str]:
    plain = _CONTROL.sub("", screen.replace("\r\n", "\n").replace("\r", ""))
    lines = [line.rstrip() for line in plain.split("\n")]
    start = next((index for index, line in enumerate(lines) if line), len(lines))
    end = next((index for index in range(len(lines), 0, -1) if lines[index - 1]), 0)
    return lines[start:end]


def _refuse_refusal(lines: list[str], vendor: Vendor) -> None:
    if len(lines) > _SHOWN_AS_REFUSAL:
        return
    for line in lines:
        if any(re.search(pattern, line) for pattern in vendor.refused):
            raise Unavailable(
                N_("The device refused the command %(command)s: %(answer)s"),
                mend=N_("Check the platform in the register and the rights of the account."),
                command=vendor.config_command,
                answer=line.strip()[:120],
            )


def _refuse_pager(lines: list[str], vendor: Vendor) -> None:
    for number, line in enumerate(lines, 1):
        if re.search(vendor.pager, line):
            raise IncompleteConfig(
                N_("The configuration stops at the pager in line %(line)d."),
                mend=N_("Allow the account to switch paging off."),
                line=number,
            )


def _without_volatile(lines: list[str], vendor: Vendor) -> list[str]:
    volatile = vendor.volatile_regex
    kept = [line for line in lines if not (volatile and volatile.search(line))]
    while kept and not kept[0]:
        del kept[0]
    while kept and not kept[-1]:
        del kept[-1]
    return kept


def _refuse_cut(lines: list[str], vendor: Vendor) -> None:
    rule = vendor.complete
    if not lines or not re.search(rule.end, lines[-1]):
        raise IncompleteConfig(
            N_("The configuration is cut: it does not end with its end mark."),
            mend=N_("Collect it again; when it stays cut, raise the time limit for this device."),
        )
    if len(lines) < rule.minimum_lines:
        raise IncompleteConfig(
            N_("The configuration has only %(lines)d lines; a whole one has at least %(least)d."),
            lines=len(lines),
            least=rule.minimum_lines,
        )
    for pattern in rule.required:
        if not any(re.search(pattern, line) for line in lines):
            raise IncompleteConfig(N_("The configuration lacks the line %(pattern)s."), pattern=pattern)
