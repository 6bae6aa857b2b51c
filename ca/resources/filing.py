"""The form by which a request is filed: as programs send it, and as the chosen profile asks for it."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import Base64Bytes, Field, create_model
from pydantic.fields import FieldInfo

from ca.encoding.names import ATTRIBUTES
from ca.profiles import Profile
from ca.registration.papers import Handed
from ca.resources.labels import csr_field, evidence_field
from kernel.edges.resources import Input
from kernel.i18n import N_

# attribute of a name -> field of the form and what it is called; attributes beyond these are called as X.509 calls them
ATTRIBUTE_FIELDS: Mapping[str, tuple[str, str]] = {
    "CN": ("common_name", N_("Common name (CN)")),
    "O": ("organisation", N_("Organisation (O)")),
    "OU": ("organisational_unit", N_("Department (OU)")),
    "serialNumber": ("serial_number", N_("Device number (serialNumber)")),
    "UID": ("uid", N_("Person's number (UID)")),
    "ST": ("province", N_("Province (ST)")),
    "L": ("locality", N_("City or county (L)")),
}
PROFILE_TITLE = N_("Certificate profile")
# kind of an alternative name -> its label
NAME_FIELDS: Mapping[str, str] = {
    "dns": N_("Host names (DNS), one a line"),
    "ip": N_("IP addresses, one a line"),
    "email": N_("E-mail addresses, one a line"),
    "uri": N_("Addresses of services (URI), one a line"),
}


def _paper(title: str = N_("Identity paper")) -> Any:
    return Field(
        None,
        title=title,
        description=N_("PDF, PNG or JPEG of at most 4 MiB. Kept encrypted; who looks at it is recorded."),
        json_schema_extra={"widget": "file"},
    )


def _paper_name() -> Any:
    return Field(
        "", max_length=255, title=N_("Name of the paper's file"), json_schema_extra={"widget": "hidden"}
    )


class Applied(Input):
    """What every request tells beside subject and names."""

    unit: str = Field(min_length=1, max_length=80, title=N_("Unit"))
    evidence: str = evidence_field()
    paper: Base64Bytes | None = _paper()
    paper_name: str = _paper_name()
    second_paper: Base64Bytes | None = _paper(N_("Second identity paper"))
    second_paper_name: str = _paper_name()
    csr: Base64Bytes | None = csr_field()
    phrase: str = Field(
        "",
        max_length=100,
        title=N_("Pass-phrase for the telephone"),
        description=N_(
            "The holder types it: said on the telephone, it has the certificate suspended at once."
        ),
        json_schema_extra={"widget": "secret"},
    )


class FileRequest(Applied):
    """A request of any profile; an attribute without a field of its own goes into ``attributes``."""

    profile: str = Field(min_length=1, max_length=60, title=PROFILE_TITLE)
    common_name: str = Field(
        min_length=1,
        max_length=64,
        title=ATTRIBUTE_FIELDS["CN"][1],
        description=N_("The person's name, or the host name of device or server."),
    )
    organisation: str = Field(min_length=1, max_length=64, title=ATTRIBUTE_FIELDS["O"][1])
    organisational_unit: str = Field("", max_length=64, title=ATTRIBUTE_FIELDS["OU"][1])
    serial_number: str = Field("", max_length=64, title=ATTRIBUTE_FIELDS["serialNumber"][1])
    uid: str = Field("", max_length=64, title=ATTRIBUTE_FIELDS["UID"][1])
    attributes: dict[str, str] = Field(
        default_factory=dict,
        title=N_("Further attributes of the name"),
        description=N_("One a line: attribute=value."),
    )
    names: tuple[str, ...] = Field(
        (),
        max_length=100,
        title=N_("Alternative names"),
        description=N_("One a line: dns:host, ip:address, email:address or uri:address."),
    )


def shaped(profile: Profile) -> type[Input]:
    """The form of a profile: the attributes and kinds of names that it asks for, and a CSR only if it takes one."""
    fields: dict[str, Any] = {
        "profile": (str, Field(profile.id, title=PROFILE_TITLE, json_schema_extra={"widget": "hidden"})),
        **{_field_of(key): (str, _attribute(key, rule.required)) for key, rule in profile.asked.items()},
        **{kind: (tuple[str, ...], _names(profile, kind)) for kind in profile.names.kinds},
    }
    shared: dict[str, Any] = {name: (info.annotation, info) for name, info in Applied.model_fields.items()}
    if "csr" not in profile.own_key:
        del shared["csr"]
    elif "generated" not in profile.own_key:
        shared["csr"] = (Base64Bytes, _own_csr())
    return cast(type[Input], create_model("FileRequest", __base__=Input, **fields, **shared))


def subject_of(given: Input) -> dict[str, str]:
    """The attributes that were filled in, whichever form they come from."""
    sent = given.model_dump(include={name for name in type(given).model_fields if name not in _OCTETS})
    found = {key: sent.get(_field_of(key), "") for key in ATTRIBUTES}
    return {key: value for key, value in {**found, **sent.get("attributes", {})}.items() if value}


def names_of(given: Input) -> tuple[str, ...]:
    """The alternative names as ``kind:value``, whichever form they come from."""
    by_kind = tuple(f"{kind}:{value}" for kind in NAME_FIELDS for value in getattr(given, kind, ()))
    return (*getattr(given, "names", ()), *by_kind)


def papers_of(given: Any) -> list[Handed]:
    """The files that were handed in."""
    pairs = ((given.paper, given.paper_name), (given.second_paper, given.second_paper_name))
    return [Handed(name or "paper", data) for data, name in pairs if data is not None]


_OCTETS = frozenset({"paper", "second_paper", "csr", "phrase"})


def _field_of(key: str) -> str:
    return ATTRIBUTE_FIELDS[key][0] if key in ATTRIBUTE_FIELDS else f"attribute_{key.lower()}"


def _attribute(key: str, required: bool) -> FieldInfo:
    title = ATTRIBUTE_FIELDS[key][1] if key in ATTRIBUTE_FIELDS else key
    place: dict[str, Any] = {"place": key}  # as the profile's rules call it
    if required:
        return cast(FieldInfo, Field(min_length=1, max_length=64, title=title, json_schema_extra=place))
    return cast(FieldInfo, Field("", max_length=64, title=title, json_schema_extra=place))


def _names(profile: Profile, kind: str) -> FieldInfo:
    alone = profile.names.required and len(profile.names.kinds) == 1
    return cast(FieldInfo, Field(... if alone else (), max_length=100, title=NAME_FIELDS[kind]))


def _own_csr() -> FieldInfo:
    found = Field(
        title=N_("Signing request (PKCS#10)"),
        description=N_("In PEM or DER, signed by the applicant's own key."),
        json_schema_extra={"widget": "file"},
    )
    return cast(FieldInfo, found)
