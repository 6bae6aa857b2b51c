"""Names are read by the short names of their attributes, whatever is in them."""

from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kernel.pki.names import name_text, respelled

KINDS = (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER, NameOID.SURNAME, NameOID.ORGANIZATION_IDENTIFIER)


def _name(*values: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in zip(KINDS, values, strict=False)])


def test_a_devices_number_is_called_serial_number() -> None:
    name = _name("ww-core", "SN=1,2.5.4.5=x", "李")
    assert name_text(name) == r"sn=李,serialNumber=SN=1\,2.5.4.5=x,CN=ww-core"


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, max_size=4
    )
)
def test_what_a_register_keeps_is_read_as_the_name_itself(values: list[str]) -> None:
    name = _name(*values)
    assert respelled(name.rfc4514_string()) == name_text(name)
    assert respelled(name_text(name)) == name_text(name)


def test_what_is_no_name_stays_as_it_is() -> None:
    assert respelled("no name at all") == "no name at all"
