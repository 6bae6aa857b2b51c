"""The package as a ZIP file: the same files always give the same bytes; reading is bounded."""

import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO

from kernel.errors import Invalid
from kernel.i18n import N_
from policies.package.model import MANIFEST, UNLISTED, VERIFIER, is_plain_path

MAX_FILES = 100_000
MAX_BYTES = 2 * 1024**3
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a ZIP entry can have


def write_zip(files: Mapping[str, bytes]) -> bytes:
    """The ZIP of the files: manifest first, then by name, without times; the verifier is executable."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files, key=lambda name: (name != MANIFEST, name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if name == VERIFIER else 0o100644) << 16
            archive.writestr(entry, files[name])
    return target.getvalue()


def read_zip(data: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """The files of a package's ZIP; Invalid for anything else, for repeated or unsafe names, or beyond the limits."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            _check(entries, max_bytes)
            return {entry.filename: _read(archive, entry) for entry in entries}
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        EOFError,
        OSError,
        RuntimeError,  # encrypted, or compressed in a way that zipfile does not know
        KeyError,
    ) as error:
        raise Invalid(
            N_("This is no readable ZIP file."), mend=N_("Ask for the original package.")
        ) from error


def _check(entries: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > max_bytes:
        raise Invalid(N_("The package is larger than %(limit)s bytes or files."), limit=max_bytes)
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        if name in seen or not (is_plain_path(name) or name in UNLISTED):
            raise Invalid(
                N_("The package has a file with an unsafe or repeated name."), place=repr(name)[:120]
            )
        seen.add(name)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise ValueError("an entry is not as long as it says")
    return data
