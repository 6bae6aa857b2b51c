"""How netmiko logs in to each platform: its own drivers made strictly reading, and one driver made from a platform file.

netmiko's Huawei driver answers a question by saving the configuration, its ASA driver enters configuration mode to widen the
terminal: a collector must do neither.
"""

import re
from typing import Any

from netmiko import BaseConnection
from netmiko.huawei.huawei import HuaweiSSH
from netmiko.no_config import NoConfig
from netmiko.no_enable import NoEnable
from netmiko.ssh_dispatcher import CLASS_MAPPER

from netops.vendors import Vendor


class DeclaredConnection(NoEnable, NoConfig, BaseConnection):
    """A platform netmiko does not know, driven by its file: prompt and paging-off commands."""

    vendor: Vendor

    def session_preparation(self) -> None:
        self.ansi_escape_codes = True
        self._test_channel_read(pattern=self._line_pattern())
        self.set_base_prompt()
        for command in self.vendor.paging_off:
            self.disable_paging(command=command)

    def find_prompt(self, delay_factor: float = 1.0, pattern: str | None = None) -> str:
        return str(super().find_prompt(delay_factor=delay_factor, pattern=pattern or self._line_pattern()))

    def set_base_prompt(
        self, pri_prompt_terminator: str = "", alt_prompt_terminator: str = "", delay_factor: float = 1.0,
        pattern: str | None = None,
    ) -> str:  # fmt: skip
        self.base_prompt = self.find_prompt(delay_factor, pattern)
        return self.base_prompt

    def _line_pattern(self) -> str:
        """The prompt as the unfinished last line of what has arrived: ``^`` there means after a line feed."""
        return r"(?:^|[\r\n])" + self.vendor.prompt.removeprefix("^").removesuffix("$") + r"\s*$"


class ReadingHuawei(HuaweiSSH):
    """Huawei without the answer that saves the configuration: every question at login is answered with N."""

    def special_login_handler(self, delay_factor: float = 1.0) -> None:
        question = rf"(?:{self.password_change_prompt}|\[[Yy]/[Nn]\])"
        data = self.read_until_pattern(pattern=rf"(?:{question}|{self.prompt_pattern}\s*$)")
        for _ in range(3):
            if not re.search(rf"{question}\W*$", data, re.IGNORECASE):
                return
            self.write_channel("N" + self.RETURN)
            data = self.read_until_pattern(pattern=rf"(?:{question}|{self.prompt_pattern}\s*$)")


def connection_class(vendor: Vendor) -> type[Any]:
    """The netmiko class that talks to the platform."""
    if vendor.driver == "declared":
        return type(f"{vendor.platform.title()}Connection", (DeclaredConnection,), {"vendor": vendor})
    if vendor.driver == "huawei_vrp":
        return ReadingHuawei
    return CLASS_MAPPER[vendor.driver]


def extra_arguments(vendor: Vendor) -> dict[str, Any]:
    """What keeps a stock driver from changing the device."""
    return {"allow_auto_change": False} if vendor.driver in ("cisco_asa", "cisco_ios") else {}
