"""Settings: one TOML file, ``WEICHENG_*`` variables over it, secret files over those; validated whole at start.

``WEICHENG_CONFIG`` names the file, ``WEICHENG_DATABASE_URL`` sets ``database_url``, ``WEICHENG_WEB__PORT`` sets ``web.port``.
A secret is a file named like its setting (``signer__passphrase``) in WEICHENG_SECRETS_DIR, or else in the folder ``secrets``
beside the settings file; it is never an entry of the settings file.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from kernel.errors import Invalid
from kernel.i18n import N_

CONFIG_VARIABLE = "WEICHENG_CONFIG"
SECRETS_VARIABLE = "WEICHENG_SECRETS_DIR"
# what the signer keeps beside its key file: shares, an HSM's keys, officers, what was signed
SIGNER_RECORDS = ("signer.activation", "token.index", "signer.officers", "signer.serials", "signer.approved")


class Section(BaseModel):
    """A table of the settings file; an unknown entry is an error, not a typing slip that goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(Section):
    """The console: HTTPS with a certificate of our own CA."""

    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=1, le=65535)
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    threads: int = Field(default=8, ge=1, le=64)
    idle_minutes: int = Field(default=15, ge=1, le=480)
    session_hours: int = Field(default=10, ge=1, le=24)
    api_per_minute: int = Field(default=600, ge=10)  # requests of one token or session to each process


class Identity(Section):
    """Sign-in rules; a level-3 system locks after few failures."""

    lock_after: int = Field(default=5, ge=3, le=20)
    lock_minutes: int = Field(default=15, ge=1, le=1440)
    origin_failures: int = Field(default=30, ge=5, le=1000)  # from one address, before it has to wait
    password_length: int = Field(default=12, ge=8, le=128)


class Hsm(Section):
    """A token reached by PKCS#11. ``roles`` are those whose keys are made on it; other keys are made in the key file."""

    module: Path | None = None  # the library of the HSM's maker
    label: str = ""
    pin: SecretStr | None = None  # needed until officers hold shares
    roles: tuple[str, ...] = ()  # such as root and issuing; none named: all
    network: bool = False  # the module reaches the HSM over the network, which the signer then does not leave


class Signer(Section):
    """The process that holds the private keys."""

    hsm: Hsm = Hsm()
    active_hours: float | None = Field(default=None, gt=0)  # how long officers' shares keep it active
    socket: Path | None = None
    keys: Path | None = None
    passphrase: SecretStr | None = None
    approvals: Literal["off", "where-possible", "required"] = "where-possible"  # signed by officers' own keys
    unattended: tuple[str, ...] = ()  # certificate policies (OIDs) that need no approval where all others do
    token_key: SecretStr | None = None  # of the processes that prepare; made below data_dir unless set


class Status(Section):
    """The public status service: CRL, OCSP, time-stamps."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    public_url: str = "http://127.0.0.1:8080"
    processes: int = Field(default=2, ge=1, le=64)
    # CA -> into how many lists what it issues from now on is parted; each certificate names its list
    crl_shards: dict[str, Annotated[int, Field(ge=1, le=1000)]] = {}
    crl_full_minutes: int = Field(
        default=10, ge=1, le=1440
    )  # how soon a long full list tells of ordinary changes
    crl_history: int = Field(default=10, ge=2, le=1000)  # lists of each kind that are kept


class Enrol(Section):
    """The door for programs that ask for certificates: HTTPS, by the console's certificate unless it has its own."""

    host: str = "127.0.0.1"
    port: int = Field(default=8444, ge=1, le=65535)
    certificate: Path | None = None
    key: Path | None = None
    processes: int = Field(default=1, ge=1, le=64)  # what comes to one at once is one piece of work
    connections: int = Field(default=1024, ge=2, le=65536)  # to each process, half of them from one address


class Timestamps(Section):
    """The time-stamping authority (RFC 3161): what it promises, what its clock must be, how long it keeps its register."""

    accuracy_seconds: int = Field(default=1, ge=1, le=60)  # stated in every token
    synchronised: bool = False  # stamp only while the kernel says that its clock is, and within the accuracy
    register_days: int = Field(default=3660, ge=30)
    per_minute: int = Field(default=600, ge=1)  # requests of one address to each process


class Collector(Section):
    """Receivers of logs and traps; ports above 1024, so that the collector needs no privilege."""

    host: str = "127.0.0.1"
    udp_port: int = Field(default=5514, ge=1, le=65535)
    tcp_port: int = Field(default=5514, ge=1, le=65535)
    tls_port: int = Field(default=6514, ge=1, le=65535)
    trap_port: int = Field(default=1162, ge=1, le=65535)
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None


class Monitor(Section):
    """How patiently devices and endpoints are asked; slow lines to the counties need more. Times in seconds."""

    snmp_timeout: float = Field(default=2.0, ge=0.2, le=30)
    snmp_retries: int = Field(default=1, ge=0, le=5)
    agents_at_once: int = Field(default=20, ge=1, le=100)
    tls_timeout: float = Field(default=5.0, ge=0.5, le=60)


class Retention(Section):
    """How long things are kept; logs at least six months (Cybersecurity Law of the PRC, article 21)."""

    events_days: int = Field(default=190, ge=1)
    samples_days: int = Field(default=400, ge=1)

    @field_validator("events_days")
    @classmethod
    def _six_months(cls, days: int) -> int:
        if days < 183:
            raise ValueError("logs are kept at least six months: 183 days or more")
        return days


class Backup(Section):
    """Disaster recovery: where the sites are, what opens their repositories, how long an engine may take."""

    # site of the plans -> folder where it is mounted; below data_dir unless named here
    sites: dict[str, Path] = Field(default_factory=dict)
    password: SecretStr | None = None  # opens the repositories; also keep it on paper at two places
    timeout_hours: int = Field(default=12, ge=1, le=168)
    plans: Path | None = None  # folder of plans and level tables; the suite's own unless set
    drill_database_url: str = ""  # PostgreSQL kept for drills: a dump is restored there and asked


class Netops(Section):
    """Collecting device configurations; ``baselines`` replaces the rules that come with the suite."""

    threads: int = Field(default=50, ge=1, le=500)
    connect_seconds: float = Field(default=10.0, gt=0, le=120)
    read_seconds: float = Field(default=60.0, gt=0, le=1800)
    baselines: Path | None = None


class LogSource(Section):
    """How one sender writes: its charset (empty: UTF-8, then GB18030) and the zone of times that name none."""

    charset: str = ""
    timezone: str = "Asia/Shanghai"


class Siem(Section):
    """The security monitoring centre: where its rules lie (the suite's own unless set), and senders by address."""

    rules: Path | None = None
    sources: dict[str, LogSource] = {}


class Settings(BaseSettings):
    """All settings with safe defaults: one machine, everything below ``data_dir``."""

    model_config = SettingsConfigDict(
        env_prefix="WEICHENG_", env_nested_delimiter="__", extra="forbid", frozen=True, secrets_dir=None
    )

    data_dir: Path = Path("var")
    database_url: str = ""
    events_url: str = ""
    language: Literal["zh_CN", "en"] = "zh_CN"
    timezone: str = "Asia/Shanghai"
    organisation: str = "卫城市大数据局"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    web: Web = Web()
    identity: Identity = Identity()
    signer: Signer = Signer()
    status: Status = Status()
    enrol: Enrol = Enrol()
    timestamps: Timestamps = Timestamps()
    collector: Collector = Collector()
    monitor: Monitor = Monitor()
    retention: Retention = Retention()
    siem: Siem = Siem()
    netops: Netops = Netops()
    backup: Backup = Backup()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(CONFIG_VARIABLE)
        toml = (TomlConfigSettingsSource(settings_cls, toml_file=file),) if file else ()
        secrets = NestedSecretsSettingsSource(
            file_secret_settings, secrets_prefix="", secrets_nested_delimiter="__"
        )
        return (init_settings, secrets, env_settings, *toml)

    @property
    def database(self) -> str:
        """The relational store's URL; SQLite below the data folder unless set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'weicheng.sqlite'}"

    @property
    def signer_socket(self) -> Path:
        """Where the signer listens."""
        return self.signer.socket or self.data_dir / "signer.sock"

    @property
    def signer_keys(self) -> Path:
        """The signer's encrypted key file."""
        return self.signer.keys or self.data_dir / "keys" / "signer.keys"

    @property
    def signer_activation(self) -> Path:
        """Who holds the signer's shares, once there are any."""
        return self.signer_keys.with_name("signer.activation")

    @property
    def signer_officers(self) -> Path:
        """What the signer knows of officers' certificates."""
        return self.signer_keys.with_name("signer.officers")

    @property
    def signer_serials(self) -> Path:
        """What the signer has signed, by serial number."""
        return self.signer_keys.with_name("signer.serials")

    @property
    def signer_approved(self) -> Path:
        """What the signer has signed, by the request that officers approved."""
        return self.signer_keys.with_name("signer.approved")

    @property
    def signer_token_index(self) -> Path:
        """Which keys of the HSM's token are the suite's."""
        return self.signer_keys.with_name("token.index")

    @property
    def signer_records(self) -> tuple[Path, ...]:
        """All that lies beside the key file and belongs to it: neither is whole without the other."""
        return tuple(self.signer_keys.with_name(name) for name in SIGNER_RECORDS)

    @property
    def crl_folder(self) -> Path:
        """Where the published revocation lists are."""
        return self.data_dir / "crl"

    @property
    def events(self) -> str:
        """The event store's URL; embedded below the data folder unless set."""
        return self.events_url or f"tantivy:///{(self.data_dir / 'events').absolute()}"


def load_settings(**overrides: Any) -> Settings:
    """Read and validate everything; Invalid names each wrong entry by its place, and never its value."""
    file = os.environ.get(CONFIG_VARIABLE)
    secrets_dir = _secrets_dir(file)
    if file and not Path(file).is_file():
        raise Invalid(
            N_("The settings file does not exist."),
            mend=N_("Correct the path in WEICHENG_CONFIG."),
            place=file,
        )
    if secrets_dir and not Path(secrets_dir).is_dir():
        raise Invalid(
            N_("The folder of secret files does not exist."),
            mend=N_("Correct the path in WEICHENG_SECRETS_DIR."),
            place=secrets_dir,
        )
    try:
        return Settings(_secrets_dir=secrets_dir, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise Invalid(
            N_("The settings are wrong: %(places)s."),
            mend=N_("Correct them and run weicheng config check."),
            places=places,
        ) from None
    except ValueError as error:  # a TOML syntax error
        raise Invalid(
            N_("The settings file is not valid TOML: %(detail)s."),
            mend=N_("Correct them and run weicheng config check."),
            place=file or "",
            detail=error,
        ) from None


def _secrets_dir(file: str | None) -> str | None:
    beside = Path(file).parent / "secrets" if file else None
    return os.environ.get(SECRETS_VARIABLE) or (str(beside) if beside and beside.is_dir() else None)
