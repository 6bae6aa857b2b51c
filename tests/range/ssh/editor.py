"""Configuration mode: lines typed there change the running configuration, section by section."""

import re

from tests.range.ssh.dialect import Dialect


class ConfigEditor:
    """Adds, replaces nothing, removes: a line goes to the end of its section, ``no``/``undo`` takes an equal one out.

    A device knows only the keywords that some line of its configuration begins with; anything else it does not understand.
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
        return self._remove(wanted) if negated else self._add(wanted)

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
            self._lines[self._end_of_file() : self._end_of_file()] = [header, self._mark()]

    def _span(self) -> tuple[int, int]:
        """Where the lines of the open section (or the top level) begin and end."""
        if not self._section:
            return 0, self._end_of_file()
        begin = next(i for i, line in enumerate(self._lines) if line.strip() == self._section) + 1
        end = begin
        while end < len(self._lines) and self._lines[end].startswith(" "):
            end += 1
        return begin, end

    def _add(self, text: str) -> bool:
        begin, end = self._span()
        line = f" {text}" if self._section else text
        if line not in self._lines[begin:end]:
            self._lines.insert(end, line)
        return True

    def _remove(self, text: str) -> bool:
        begin, end = self._span()
        for index in range(begin, end):
            line = self._lines[index].strip()
            if line == text or line.startswith(text + " "):
                del self._lines[index]
                return True
        return True

    def _end_of_file(self) -> int:
        ends = ("end", "return", ": end")
        return next(
            (i for i in range(len(self._lines) - 1, -1, -1) if self._lines[i] in ends), len(self._lines)
        )

    def _mark(self) -> str:
        return "#" if self._dialect.negation == "undo" else "!"
