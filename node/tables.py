"""The node's own tables without a domain noun: accounts, second factors, sessions, audit; and its one `MetaData`."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time in every database, also in SQLite, which forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a time without a zone cannot be stored"
            raise ValueError(msg)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        _ = dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


account = Table(
    "account",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("display_name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("area_code", String(16), nullable=True),
    Column("password_hash", String(200), nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", UtcTime, nullable=True),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", UtcTime, nullable=False),
    Column("password_at", UtcTime, nullable=False),
    Column("must_change", Boolean, nullable=False, server_default=false()),
)

login = Table(
    "login",
    metadata,
    Column("jti", String(36), primary_key=True),
    Column("username", String(64), ForeignKey("account.username"), nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=True),
    Column("stage", String(16), nullable=False, server_default="open"),
    Column("address", String(64), nullable=False, server_default="-"),
    Column("device", String(200), nullable=False, server_default=""),
    Column("seen_at", UtcTime, nullable=True),
    Index("login_username", "username"),
)

second_factor = Table(
    "second_factor",
    metadata,
    Column("username", String(64), ForeignKey("account.username"), primary_key=True),
    Column("sealed", String(200), nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("step", BigInteger, nullable=False),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("username", String(64), ForeignKey("account.username"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("used_at", UtcTime, nullable=True),
)

audit = Table(
    "audit",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_at", "at"),
    Index("audit_actor", "actor", "position"),
    Index("audit_act", "act", "position"),
)
