"""Configuration mode: lines typed there change a configuration, section by section."""

import re

from tests.range.ssh.dialect import Dialect

MARKS = ("#", "!")
ENDS = ("end", "return", ": end")


class ConfigEditor:
    """Adds a line to the end of its section; ``no``/``undo`` takes out a line that begins so, a header with its block.

    A device knows the keywords that some line of its configuration begins with, and understands nothing else. Single values
    are not replaced: whoever changes one takes the old line out first.
    """

    def __init__(self, lines: list[str], dialect: Dialect) -> None:
        self._lines = lines
        self._dialect = dialect
        self._section = ""
        self.section_label = ""

    def leave_section(self) -> bool:
        """Back to the top of the configuration; False when already there."""
        inside = bool(self._section)
        self._section = self.section_label = ""
        return inside

    def apply(self, line: str) -> bool:
        """Carry out one configuration line; False when it is not understood."""
        text = line.strip()
        negated = text.startswith(self._dialect.negation + " ")
        wanted = text.removeprefix(self._dialect.negation + " ") if negated else text
        label = self._label(wanted)
        if label is not None and not negated:
            self._open(wanted, label)
            return True
        if not self._understood(wanted):
            return False
        if label is not None:
            self.leave_section()
        self._remove(wanted) if negated else self._add(wanted)
        return True

    def _label(self, text: str) -> str | None:
        for pattern, label in self._dialect.sections.items():
            match = re.match(pattern, text)
            if match:
                return match.expand(label)
        return None

    def _understood(self, text: str) -> bool:
        first = text.split()[0]
        return any(line.split()[:1] == [first] for line in self._lines)

    def _open(self, header: str, label: str) -> None:
        self._section, self.section_label = header, label
        if not any(line.strip() == header for line in self._lines):
            end = self._end_of_file()
            self._lines[end:end] = [header, "#" if self._dialect.negation == "undo" else "!"]

    def _add(self, text: str) -> None:
        places = self._places()
        if any(self._lines[place].strip() == text for place in places):
            return
        if self._section:
            header = next(i for i, line in enumerate(self._lines) if line.strip() == self._section)
            self._lines.insert(places[-1] + 1 if places else header + 1, f" {text}")
        else:
            self._lines.insert(self._end_of_file(), text)

    def _remove(self, text: str) -> None:
        for place in self._places():
            line = self._lines[place].strip()
            if line == text or line.startswith(text + " "):
                del self._lines[place : self._end_of_block(place)]
                return

    def _places(self) -> list[int]:
        """Where the lines of the open section stand, or those of the top level."""
        found, header = [], ""
        for place, line in enumerate(self._lines[: self._end_of_file()]):
            if line.strip() in MARKS:
                header = ""
            elif line and not line.startswith(" "):
                header = line.strip()
                if not self._section:
                    found.append(place)
            elif line.strip() and header == self._section:  # Comware indents its top level too
                found.append(place)
        return found

    def _end_of_block(self, place: int) -> int:
        """Behind the line, or behind its block when it is a header."""
        end = place + 1
        if not self._lines[place].startswith(" "):
            while self._lines[end : end + 1] and self._lines[end].startswith(" "):
                end += 1
        return end

    def _end_of_file(self) -> int:
        last = len(self._lines)
        return next((i for i in range(last - 1, -1, -1) if self._lines[i] in ENDS), last)
