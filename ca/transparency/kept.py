"""The newest tree head kept outside the database: a database restored from a backup knows less, and is found out by it.

The file is written after the head is stored. A crash between the two leaves an older head in the file, which the next look
brings forward; the file is never ahead of a database that was not set back.
"""

import os
from pathlib import Path

from ca.encoding.log import TreeHead, read_head
from kernel.secrets import write_private


class KeptHead:
    """The file with the signed octets of the newest head."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> TreeHead | None:
        """None before the first; ValueError when the file holds something else."""
        try:
            return read_head(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as error:
            raise ValueError("no tree head") from error

    def write(self, text: bytes) -> None:
        """Replace it, whole or not at all, and have it on the disk."""
        write_private(self._file, text)

    def put_aside(self, label: str) -> None:
        """Keep what it holds under another name, on the disk: it is the proof of what was signed once."""
        if self._file.exists():
            self._file.rename(self._file.with_name(f"{self._file.stem}-{label}{self._file.suffix}"))
            folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
