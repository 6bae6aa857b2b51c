"""Whatever is handed in to be verified ends in a report or a typed error, in bounded time."""

import io
import itertools
import time
from datetime import UTC, datetime

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ca.validation import documents, paths, reading
from ca.validation.content import Content
from ca.validation.model import Material, PathReport, Question, Verdict, Why
from kernel.errors import WeichengError
from kernel.pki.names import name_text
from tests.unit.ca.foreign import Foreign, certificate, crl, long_crl

NOW = Question(datetime(2026, 11, 23, tzinfo=UTC))
FOREIGN = Foreign.make()
CHAIN = Material([FOREIGN.root], [FOREIGN.issuing])


def trusting(certificates: object, crls: object) -> Material:
    return Material([FOREIGN.root], [FOREIGN.issuing, *certificates], [*crls])  # type: ignore[misc]


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """The octets with a few of them changed, left out or put in."""
    place = st.integers(0, len(data) - 1)
    edit = st.tuples(place, st.integers(0, 2), st.binary(min_size=1, max_size=3))
    return st.lists(edit, min_size=1, max_size=4).map(lambda edits: _edited(data, edits))


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    octets = bytearray(data)
    for at, kind, new in edits:
        octets[at : at + (len(new) if kind == 0 else 1 if kind == 1 else 0)] = b"" if kind == 1 else new
    return bytes(octets)


@given(st.one_of(st.binary(max_size=300), mutated(FOREIGN.leaf)))
@settings(max_examples=150, deadline=3000)
def test_any_octets_as_a_certificate(data: bytes) -> None:
    try:
        leaf = reading.certificates(data)[0]
    except WeichengError:
        return
    report = paths.validate(leaf, CHAIN, NOW)
    assert isinstance(report, PathReport)
    assert report.verdict is not Verdict.VALID  # there is no CRL


@given(mutated(FOREIGN.issuing))
@settings(max_examples=100, deadline=3000)
def test_a_damaged_intermediate(data: bytes) -> None:
    try:
        others = reading.certificates(data)
    except WeichengError:
        return
    report = paths.validate(FOREIGN.leaf, Material([FOREIGN.root], others), NOW)
    assert report.verdict is not Verdict.VALID


@given(st.one_of(st.binary(max_size=200), mutated(FOREIGN.crls())))
@settings(max_examples=100, deadline=3000)
def test_any_octets_as_a_list(data: bytes) -> None:
    try:
        crls = reading.crls(data)
    except WeichengError:
        return
    report = paths.validate(FOREIGN.leaf, Material([FOREIGN.root], [FOREIGN.issuing], crls), NOW)
    assert isinstance(report, PathReport)


def _signed() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs7

    own = x509.load_der_x509_certificate(FOREIGN.leaf)
    builder = (
        pkcs7.PKCS7SignatureBuilder().set_data(b"text").add_signer(own, FOREIGN.leaf_key, hashes.SHA256())
    )
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


SIGNED = _signed()


@given(st.one_of(st.binary(max_size=200), mutated(SIGNED)))
@settings(max_examples=150, deadline=3000)
def test_any_octets_as_a_signed_document(data: bytes) -> None:
    try:
        found = documents.verify(Content.of(data), b"", trusting, NOW)
    except WeichengError:
        return
    assert found.verdict is not Verdict.VALID


@given(st.one_of(st.binary(max_size=100), mutated(SIGNED)))
@settings(max_examples=60, deadline=3000)
def test_any_octets_as_a_time_stamp(data: bytes) -> None:
    try:
        found = documents.verify_timestamp(Content.of(b"text"), data, trusting, NOW)
    except WeichengError:
        return
    assert found.verdict is not Verdict.VALID


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=3000)
def test_any_octets_as_a_pdf(data: bytes) -> None:
    with pytest.raises(WeichengError):
        documents.verify(Content.of(b"%PDF-1.7\n" + data), b"", trusting, NOW)


def test_cas_that_have_certified_each_other_all_around_end_the_search() -> None:
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in "abcdefghij"}
    cross = [certificate(to, keys[to], by, keys[by], ca=True) for to in keys for by in keys if to != by]
    leaf = certificate("leaf", FOREIGN.leaf_key, "a", keys["a"], ca=False)
    started = time.process_time()
    report = paths.validate(leaf, Material([FOREIGN.root], cross), NOW)
    assert report.refusal is not None
    assert report.refusal.why is Why.TOO_MANY
    assert time.process_time() - started < 20


def test_a_chain_of_hundreds_is_walked_to_its_end() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    length = 300
    names = [f"ca{number}" for number in range(length)]
    chain = [certificate(name, key, above, key, ca=True) for above, name in itertools.pairwise(names)]
    root = certificate("ca0", key, "ca0", key, ca=True)
    leaf = certificate("leaf", key, names[-1], key, ca=False)
    report = paths.validate(leaf, Material([root], chain), NOW)
    assert report.refusal is not None
    assert report.refusal.why in (Why.NO_STATUS, Why.TOO_MANY)


def test_more_certificates_than_anybody_needs_are_refused() -> None:
    from kernel.errors import LimitExceeded
    from kernel.pki.pem import certificate_pem

    with pytest.raises(LimitExceeded):
        reading.certificates(certificate_pem(FOREIGN.leaf) * 501)
    assert len(reading.certificates(certificate_pem(FOREIGN.leaf) * 500)) == 500


def test_a_file_too_large_to_be_read_whole_is_refused() -> None:
    large = Content(lambda: io.BytesIO(b"%PDF-1.7"), 300 * 2**20)
    with pytest.raises(WeichengError):
        documents.verify(large, b"", trusting, NOW)


def test_a_long_list_is_read_quickly_and_its_signature_is_over_all_of_it() -> None:
    above = reading.crls(crl(FOREIGN.root, FOREIGN.root_key, 0))
    leaf = x509.load_der_x509_certificate(FOREIGN.leaf).serial_number
    others = [10**18 + number for number in range(8000)]

    def answer(data: bytes) -> PathReport:
        return paths.validate(FOREIGN.leaf, Material([FOREIGN.root], [FOREIGN.issuing], [*above, data]), NOW)

    without = long_crl(FOREIGN.issuing, FOREIGN.issuing_key, others)
    started = time.process_time()
    assert answer(without).verdict is Verdict.VALID
    assert time.process_time() - started < 1
    named = answer(long_crl(FOREIGN.issuing, FOREIGN.issuing_key, [*others, leaf]))
    assert named.refusal is not None
    assert named.refusal.why is Why.REVOKED
    middle = len(without) // 2
    altered = without[:middle] + bytes([without[middle] ^ 1]) + without[middle + 1 :]
    assert answer(altered).verdict is Verdict.UNKNOWN


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
        min_size=1,
        max_size=4,
    )
)
@example(["0 "])
@example([" "])
@example([" # ", "#"])
@settings(max_examples=60, deadline=3000)
def test_names_are_written_as_elsewhere_in_the_suite(values: list[str]) -> None:
    kinds = (
        NameOID.COMMON_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.LOCALITY_NAME,
        NameOID.ORGANIZATION_IDENTIFIER,
    )
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in zip(kinds, values, strict=False)])
    parsed = asn1_x509.Name.load(name.public_bytes())
    assert reading.name_text(parsed) == name_text(name)
