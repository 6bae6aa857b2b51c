"""TLS of the console: renewed without a restart, never half-way, and missing certificates are named."""

from pathlib import Path

import pytest

from console.web.server import ContextCache, serve
from kernel.config import Settings, Web
from kernel.errors import Unavailable
from tests.support.certificates import TestCa


def test_a_renewal_that_is_half_way_keeps_the_last_good_certificate(tmp_path: Path) -> None:
    web = Web(certificate=tmp_path / "server-127.0.0.1.pem", key=tmp_path / "server-127.0.0.1.key")
    ca = TestCa(tmp_path)
    pair = ca.server()
    contexts = ContextCache(web)
    good = contexts.current()
    old_key = pair.key.read_bytes()
    ca.server()
    new_key = pair.key.read_bytes()
    pair.key.write_bytes(old_key)  # the new certificate is there, its key is not yet
    assert contexts.current() is good
    pair.key.write_bytes(new_key)
    assert contexts.current() is not good


def test_a_console_without_certificate_says_what_to_set() -> None:
    with pytest.raises(Unavailable, match=r"web\.certificate"):
        serve(Settings())
