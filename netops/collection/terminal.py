"""Talking to a device's command line in step: every line sent waits for the prompt that answers it.

Nothing is concluded from silence, so a slow device gives the same text as a fast one. Bytes are decoded when all are there:
a character of several octets may arrive in two pieces, and older Chinese devices speak GB 18030.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from kernel.i18n import N_
from netops.collection.model import SessionBroken, WrongPlatform
from netops.config.text import MAX_BYTES, IncompleteConfig
from netops.vendors import Vendor

QUESTIONS = 4  # at most so many questions at login
_PAUSE = 0.02
_TAIL = 500
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One open channel. ``seconds`` bound each answer; raises SessionBroken, WrongPlatform or IncompleteConfig."""

    def __init__(self, connection: Any, vendor: Vendor, place: str, seconds: float) -> None:
        self._connection = connection
        self._vendor = vendor
        self._place = place
        self._seconds = seconds
        self._prompt = ""

    def log_in(self, enable: str) -> None:
        """Answer the questions after login, rise to the view that shows configurations, switch the pager off."""
        self._expect_prompt(self._seconds)
        if self._vendor.enable and re.search(self._vendor.enable.when, self._prompt):
            self._rise(enable)
        for command in self._vendor.paging_off:
            self.run(command)

    def run(self, command: str, seconds: float | None = None) -> str:
        """What the device shows for a command, without echo and prompt."""
        self._send(command)
        shown = self._until(lambda line: line == self._prompt, seconds or self._seconds)
        text = _decoded(self._connection.strip_ansi_escape_codes(shown)).replace("\r\n", "\n")
        _echo, _, answer = text.partition("\n")
        return answer.rpartition("\n")[0]

    def _rise(self, enable: str) -> None:
        rise = self._vendor.enable
        assert rise is not None
        self._send(rise.command)
        asks = re.compile(rise.asks)
        shown = self._until(lambda line: bool(asks.search(line)) or self._is_prompt(line), self._seconds)
        if asks.search(_last_line(shown)):
            self._send(enable)
            shown = self._until(lambda line: self._is_prompt(line) or bool(asks.search(line)), self._seconds)
        self._prompt = _last_line(shown)
        if not self._is_prompt(self._prompt) or re.search(rise.when, self._prompt):
            raise SessionBroken(self._place, N_("The device refused the enable password."))

    def _expect_prompt(self, seconds: float) -> None:
        questions = [
            (re.compile(question.asks), question.answer) for question in self._vendor.login_questions
        ]

        def is_known(line: str) -> bool:
            return self._is_prompt(line) or any(asks.search(line) for asks, _ in questions)

        for _ in range(QUESTIONS):
            shown = self._until(is_known, seconds)
            line = _last_line(shown)
            answer = next((answer for asks, answer in questions if asks.search(line)), None)
            if answer is None:
                self._prompt = line
                return
            self._send(answer)
        raise SessionBroken(self._place, N_("The device asks too many questions at login."))

    def _is_prompt(self, line: str) -> bool:
        return self._vendor.prompt_regex.search(line) is not None

    def _send(self, line: str) -> None:
        self._connection.channel.write_channel(line + "\n")

    def _until(self, is_end: Callable[[str], bool], seconds: float) -> str:
        """Everything that arrives up to the line that ends it."""
        deadline = time.monotonic() + seconds
        parts: list[str] = []
        size, tail = 0, ""
        while time.monotonic() < deadline:
            new = self._connection.channel.read_channel()
            if not new:
                self._refuse_end_of_session()
                time.sleep(_PAUSE)
                continue
            parts.append(new)
            size, tail = size + len(new), (tail + new)[-_TAIL:]
            if size > MAX_BYTES:
                raise IncompleteConfig(
                    N_("The configuration is larger than %(limit)d MB."), limit=MAX_BYTES >> 20
                )
            line = _last_line(tail)
            if is_end(line):
                return "".join(parts)
            if re.search(self._vendor.pager, line):
                raise IncompleteConfig(
                    N_("The device shows its configuration page by page."),
                    mend=N_("Allow the account to switch paging off."),
                )
        self._refuse_foreign_prompt(_last_line(tail))
        raise SessionBroken(
            self._place, N_("The device showed no prompt within %(seconds)d s."), seconds=seconds
        )

    def _refuse_end_of_session(self) -> None:
        remote = self._connection.remote_conn
        if (remote.closed or remote.eof_received) and not remote.recv_ready():
            raise SessionBroken(self._place, N_("The device closed the session."))

    def _refuse_foreign_prompt(self, line: str) -> None:
        """Something like a prompt is there, only not one of this platform."""
        if not self._prompt and re.search(r"[>#$%\]]\s*$", line):
            raise WrongPlatform(self._place, self._vendor.platform, _decoded(line))


def _last_line(text: str) -> str:
    return _ESCAPES.sub("", text).replace("\r", "\n").rpartition("\n")[2].strip()


def _decoded(text: str) -> str:
    """The channel hands octets through as Latin-1."""
    octets = text.encode("latin-1")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("gb18030", "replace")
