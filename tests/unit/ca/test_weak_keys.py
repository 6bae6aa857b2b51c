"""Keys that can be broken, or that everybody has, are refused; sound ones are not."""

import math
import secrets
from pathlib import Path

import gmpy2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.encoding.csr import BadCsr, check_strength
from ca.encoding.weakness import fingerprints, weakness
from ca.registration.blocklists import Blocklists
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted, WeichengError
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask

E65537 = 65537
DATA = Path(__file__).parents[2] / "data"


def spki(modulus: int, exponent: int = E65537) -> bytes:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip


def prime(bits: int) -> int:
    return int(gmpy2.next_prime(secrets.randbits(bits) | 1 << (bits - 1) | 1 << (bits - 2)))


def roca_prime() -> int:
    """A prime as the chips of CVE-2017-15361 made them: k * M + (65537 ** a mod M), M the product of the first 126 primes."""
    product, one = 1, 2
    for _ in range(126):
        product, one = product * one, int(gmpy2.next_prime(one))
    least = 3 << 1022  # so that two of them make 2048 bits
    while True:
        k = least // product + 1 + secrets.randbelow((2**1024 - least) // product - 1)
        found = k * product + pow(E65537, secrets.randbits(60), product)
        if gmpy2.is_prime(found):
            return int(found)


def test_a_key_of_the_broken_chips_is_refused() -> None:
    with pytest.raises(BadCsr, match="ROCA"):
        check_strength(spki(roca_prime() * roca_prime()))


def test_two_primes_beside_each_other_are_refused() -> None:
    first = prime(1024)
    with pytest.raises(BadCsr, match="too near"):
        check_strength(spki(first * int(gmpy2.next_prime(first + 2**200))))


@pytest.mark.parametrize("factor", [3, 251, 65521])
def test_a_small_factor_is_found(factor: int) -> None:
    with pytest.raises(BadCsr, match="small factor"):
        check_strength(spki(factor * prime(2048)))


@pytest.mark.parametrize("exponent", [3, 17, 65539 + 2**256])
def test_exponents_nobody_should_use_are_refused(exponent: int) -> None:
    with pytest.raises(BadCsr, match="exponent"):
        check_strength(spki(prime(1024) * prime(1024), exponent))


def test_an_exponent_of_one_and_a_short_modulus_are_refused() -> None:
    one = bytearray(spki(prime(1024) * prime(1024), 3))
    one[-1] = 1  # no library makes such a key
    with pytest.raises(WeichengError):
        check_strength(bytes(one))
    with pytest.raises(BadCsr, match="2048"):
        check_strength(spki(prime(512) * prime(512)))


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 18])
def test_an_ed25519_key_that_everybody_can_sign_for_is_refused(y: int) -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes(y.to_bytes(32, "little"))
    assert "small order" in weakness(key)


def test_sound_keys_are_taken() -> None:
    for key in (
        rsa.generate_private_key(E65537, 2048).public_key(),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
    ):
        check_strength(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@given(exponent=st.integers(3, 2**260), modulus=st.integers(3, 2**2100))
@settings(max_examples=60, deadline=None)
def test_any_numbers_are_a_key_or_a_typed_error(exponent: int, modulus: int) -> None:
    try:
        check_strength(spki(modulus, exponent))
    except (WeichengError, ValueError):  # ValueError: no library would carry such numbers
        return
    assert math.gcd(modulus, 2 * 3 * 5 * 7) == 1


# --- lists of compromised keys
@pytest.fixture
def blocklists(database: Database, clock: FixedClock, tmp_path: Path) -> Blocklists:
    return Blocklists(tmp_path / "blocklists", database, Access(database))


def debian_key() -> rsa.RSAPublicKey:
    modulus = int((DATA / "ca" / "debian-key.modulus").read_text().split()[-1], 16)
    return rsa.RSAPublicNumbers(E65537, modulus).public_key()


def test_a_key_of_debians_broken_generator_is_known_by_the_published_list(
    blocklists: Blocklists, officer: Principal
) -> None:
    text = (DATA / "ca" / "blacklist.RSA-2048").read_bytes()
    told = blocklists.load(officer, "debian-rsa-2048", text, "CVE-2008-0166")
    assert (told.kind, told.keys) == ("sha1", text.count(b"\n") - text.count(b"#"))
    assert (told.loaded_by, told.reason) == (officer.id, "CVE-2008-0166")
    assert told.loaded_at is not None
    assert blocklists.naming(debian_key()) == "debian-rsa-2048"
    assert blocklists.naming(rsa.generate_private_key(E65537, 2048).public_key()) == ""


def test_a_list_of_badkeys_is_searched_in_the_file(blocklists: Blocklists, officer: Principal) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(50)]
    keys.append(ed25519.Ed25519PrivateKey.generate().public_key())  # type: ignore[arg-type]
    blocklists.load(
        officer, "known", b"".join(sorted(fingerprints(key)["sha256"] + b"\x07" for key in keys)), "new"
    )
    assert {blocklists.naming(key) for key in keys} == {"known"}
    assert blocklists.naming(ec.generate_private_key(ec.SECP256R1()).public_key()) == ""


def test_one_officer_alone_can_not_have_a_known_key_forgotten(
    blocklists: Blocklists, officer: Principal
) -> None:
    """A newer list takes the place of an older one if it holds all of it; otherwise it stands beside it."""
    one, other, third = (bytes([number]) * 15 for number in (1, 2, 3))
    blocklists.load(officer, "known", one + b"a" + third + b"a", "new")
    for fewer in (one + b"a", third + b"a", one + b"a" + other + b"a"):
        with pytest.raises(Conflict, match="leaves out keys"):
            blocklists.load(officer, "known", fewer, "shorter")
    with pytest.raises(Conflict, match="leaves out keys"):
        blocklists.load(officer, "known", b"0" * 20 + b"\n", "another kind")
    assert [found.keys for found in blocklists.page(officer, Ask()).items] == [2]
    blocklists.load(officer, "known", one + b"b" + other + b"b" + third + b"b", "newer")
    blocklists.load(officer, "beside", other + b"a", "one more")
    assert {found.name: found.keys for found in blocklists.page(officer, Ask()).items} == {
        "known": 3,
        "beside": 1,
    }
    assert (blocklists.get(officer, "known").reason, blocklists.get(officer, "known").keys) == ("newer", 3)
    with pytest.raises(NotFound):
        blocklists.get(officer, "unknown")


def test_a_list_that_was_put_there_by_other_hands_is_shown_as_it_is(
    blocklists: Blocklists, officer: Principal, registrar: Principal, tmp_path: Path
) -> None:
    (tmp_path / "blocklists").mkdir()
    (tmp_path / "blocklists" / "old.sha256").write_bytes(b"k" * 15 + b"a")
    (found,) = blocklists.page(registrar, Ask(filters={"kind": ("sha256",)})).items
    assert (found.keys, found.loaded_at, found.loaded_by, found.reason) == (1, None, "", "")
    (tmp_path / "blocklists" / "old.sha256").write_bytes(b"k" * 15 + b"a" + b"l" * 15 + b"a")
    changed = blocklists.get(registrar, "old")
    assert changed.keys == 2
    assert changed.sha256 != found.sha256


@given(content=st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_whatever_is_loaded_is_a_list_or_a_typed_error(content: bytes) -> None:
    from ca.registration.blocklists import _records

    try:
        kind, records = _records("some", content)
    except Invalid:
        return
    assert len(records) % {"sha256": 16, "sha1": 10}[kind] == 0


def test_only_an_officer_loads_lists_and_only_whole_ones(
    blocklists: Blocklists, officer: Principal, registrar: Principal
) -> None:
    with pytest.raises(NotPermitted):
        blocklists.load(registrar, "mine", b"0" * 20 + b"\n", "no")
    for wrong in (b"", b"0" * 20 + b"\nxyz\n", b"\x01" * 17, b"\x02" * 16 + b"\x01" * 16):
        with pytest.raises(Invalid):
            blocklists.load(officer, "list", wrong, "try")
    with pytest.raises(Invalid, match="name"):
        blocklists.load(officer, "../list", b"0" * 20 + b"\n", "try")
    assert blocklists.page(officer, Ask()).items == ()
