"""Which names devices may have in the archive, so that none can leave its place in the tree."""

import re

from kernel.errors import Invalid
from kernel.i18n import N_

_NAME = re.compile(r"[\w.\-()%]{1,300}")
_VERSION = re.compile(r"[0-9a-f]{4,64}")


def archive_name(device: str) -> str:
    """The archive name of a registered device: a slash in it must not make folders."""
    return device.replace("%", "%25").replace("/", "%2F")


def checked_name(device: str) -> str:
    """``device`` itself; Invalid when it is no archive name."""
    if not _NAME.fullmatch(device):
        raise Invalid(
            N_("%(device)s can not be an archive name."),
            mend=N_("Use letters, digits and . - _ ( ) alone."),
            device=repr(device)[:60],
        )
    return device


def checked_version(version: str) -> str:
    """``version`` itself; Invalid when it is no beginning of a version id."""
    if not _VERSION.fullmatch(version):
        raise Invalid(
            N_("%(version)s is no version."),
            mend=N_("Give at least four digits of one that weicheng netops versions lists."),
            version=repr(version)[:60],
        )
    return version
