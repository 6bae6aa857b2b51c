"""Tables of people, sessions, approvals and device credentials."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from kernel.store.base import Json, UtcDateTime, metadata

units = Table(
    "identity_units",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("parent", String(80), ForeignKey("identity_units.id")),
    Column("name", String(200), nullable=False),
    Column("path", String(1000), nullable=False, unique=True),
)

users = Table(
    "identity_users",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("login", String(80), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("unit", String(80), ForeignKey("identity_units.id"), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("totp_sealed", Text),
    Column("totp_step", BigInteger, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("must_change", Boolean, nullable=False, default=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_signed_in_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime),
)

user_roles = Table(
    "identity_user_roles",
    metadata,
    Column("user", String(60), ForeignKey("identity_users.id"), primary_key=True),
    Column("role", String(40), primary_key=True),
)

user_certificates = Table(
    "identity_user_certificates",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("user", String(60), ForeignKey("identity_users.id"), nullable=False, index=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("bound_at", UtcDateTime, nullable=False),
)

sessions = Table(
    "identity_sessions",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("user", String(60), ForeignKey("identity_users.id"), nullable=False, index=True),
    Column("method", String(20), nullable=False),
    Column("fingerprint", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("origin", String(200), nullable=False),
)

approvals = Table(
    "identity_approvals",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(80), nullable=False),
    Column("subject", String(300), nullable=False, index=True),
    Column("title", String(300), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("requested_by", String(80), nullable=False, index=True),
    Column("permission", String(80), nullable=False),
    Column("unit", String(80)),
    Column("needed", Integer, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("decided_at", UtcDateTime),
)

approval_votes = Table(
    "identity_approval_votes",
    metadata,
    Column("approval", String(60), ForeignKey("identity_approvals.id"), primary_key=True),
    Column("person", String(80), primary_key=True),
    Column("approve", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# A decision signed by who made it: the document (canonical JSON) and its detached CMS.
approval_signatures = Table(
    "identity_approval_signatures",
    metadata,
    Column("approval", String(60), ForeignKey("identity_approvals.id"), primary_key=True),
    Column("person", String(80), primary_key=True),
    Column("document", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

credentials = Table(
    "identity_credentials",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Programs: what they sign in with. Only the token's hash is kept.
tokens = Table(
    "identity_tokens",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("user", String(60), ForeignKey("identity_users.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("scope", Json, nullable=False),
    Column("unit", String(80), ForeignKey("identity_units.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

preferences = Table(
    "identity_preferences",
    metadata,
    Column("user", String(60), ForeignKey("identity_users.id"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("value", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Where failed sign-ins came from lately, so that one place can't try on and on.
origins = Table(
    "identity_origins",
    metadata,
    Column("origin", String(200), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False, index=True),
)
