"""What differs between nodes, from one TOML file and the environment; the only reader of the environment.

A variable such as `LIENTHONG_NODE__CODE` overrides `[node] code`. Relative paths start at the folder of the file. Every
problem is found in one pass and said in plain words, with the key's path.
"""

import contextlib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from node.folder import folder_problem
from node.password import SHORTEST_PASSWORD
from node.role import Role
from node.settings_problem import closest, section_class, sentences
from node.territory import Tier

ENV_PREFIX = "LIENTHONG_"
# Variables that are no settings: of the command line, of drills and of the tests.
_NO_SETTINGS = frozenset({"CLOCK", "CONFIG", "DATA", "FAILPOINT"})


class SettingsError(Exception):
    """The settings cannot be used; `problems` lists all that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Take one sentence per problem."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def _address(value: str) -> str:
    """Accept `host:port` with a host that is named: a wildcard would open the port to every network."""
    host, separator, port = value.rpartition(":")
    if not separator or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the range of ports
        raise ValueError("is no address; write host:port, such as 127.0.0.1:8001")
    plain = host.strip("[]")
    if not plain:
        raise ValueError("names no host; write the address to use, such as 127.0.0.1")
    try:
        unspecified = ipaddress.ip_address(plain).is_unspecified
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", plain):
            raise ValueError(f"has a host that is none: {plain}") from None
    else:
        if unspecified:
            raise ValueError("would listen on every network; name the one address to use")
    return value


def is_loopback(address: str) -> bool:
    """Say whether `host:port` can be reached from this machine only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Address = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    """A section of the file: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeSection(Section):
    """Who this node is, and where it keeps its things."""

    tier: Tier = Field(description="ioc, oc or coc: how this centre is shown and which modules it may run.")
    code: str = Field(min_length=1, max_length=16, description="The administrative code, such as 26374.")
    title: str = Field(min_length=1, max_length=200, description="The centre's name as people read it.")
    folder: Path = Field(description="Where keys, database and socket are; nobody else may write in it.")


class DatabaseSection(Section):
    """Where rows are kept."""

    url: str = Field(default="", description="A SQLAlchemy URL; empty for an SQLite file in the node's folder.")

    @field_validator("url")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        if ":memory:" in value or value == "sqlite:///":
            raise ValueError("must name a file: what is only in memory is lost")
        return value


class HttpSection(Section):
    """The address for people and programs."""

    listen: Address = Field(default="127.0.0.1:8001", description="host:port of pages and API.")
    public_url: str = Field(default="", description="The address that browsers use, if a proxy stands in front.")
    secure_cookie: bool | None = Field(
        default=None, description="Send the session cookie over HTTPS only; follows public_url when not given."
    )

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}):
            raise ValueError("must be an origin such as https://oc.example.vn, without a path")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if not is_loopback(self.listen) and not self.is_cookie_secure:
            raise ValueError(
                "listen is no loopback address, so the session cookie would travel in clear text; "
                "put a proxy with HTTPS in front and set public_url, or set secure_cookie"
            )
        return self

    @property
    def is_cookie_secure(self) -> bool:
        """Say whether the cookie is for HTTPS only."""
        return self.public_url.startswith("https://") if self.secure_cookie is None else self.secure_cookie

    @property
    def origin(self) -> str:
        """The origin that browsers see."""
        return self.public_url or f"http://{self.listen}"


class LinkSection(Section):
    """Where children dial in; absent at a centre without children."""

    listen: Address | None = Field(default=None, description="host:port for children, mutual TLS.")
    enrol_listen: Address | None = Field(default=None, description="host:port where new children enrol.")
    approve_enrolments: bool = Field(
        default=False, description="Whether a newcomer waits until somebody here has compared its fingerprint."
    )
    nats: Address | None = Field(
        default=None, description="host:port of this centre's own NATS server, for children that come over NATS."
    )
    receipt_within_s: float = Field(
        default=900.0,
        ge=5,
        le=86400,
        description="Seconds after which an urgent record without a receipt from above rings and may take the bypass.",
    )


class ParentSection(Section):
    """Whom this node dials; absent at the root."""

    address: Address = Field(description="host:port of the parent's link.")
    enrol_address: Address | None = Field(default=None, description="host:port where the parent enrols children.")
    nats: Address | None = Field(
        default=None, description="host:port of the parent's NATS server; frames then go that way."
    )


class MetricsSection(Section):
    """Where a collector such as Prometheus reads how the node is; nothing listens unless it is asked for."""

    listen: Address | None = Field(
        default=None, description="host:port of /metrics, on this machine only; plain HTTP, no sign-in."
    )

    @field_validator("listen")
    @classmethod
    def _near(cls, value: str | None) -> str | None:
        if value and not is_loopback(value):
            raise ValueError("is no loopback address; put a proxy that knows the collector in front")
        return value


class IntakeSection(Section):
    """The process that strangers reach, `python -m node intake`; without an address the node serves them itself."""

    listen: Address | None = Field(default=None, description="host:port of the pages for everybody, a process apart.")
    socket: Path | None = Field(
        default=None, description="Unix socket on which the node listens for it; intake.sock in the node's folder."
    )
    socket_group: str = Field(
        default="", description="Group that may open the socket too, where intake runs as another user."
    )
    at_once: int = Field(default=16, ge=1, le=200, description="Questions to the node at the same time.")
    waiting: int = Field(default=200, ge=1, le=10_000, description="Questions that may wait for their turn.")
    wait_s: float = Field(default=20.0, gt=0, le=120, description="Seconds for which a question waits for its turn.")

    def socket_in(self, base: Path, folder: Path) -> Path:
        """The socket, where relative paths start at `base`; in the node's folder if none is given."""
        return base / self.socket if self.socket else folder / "intake.sock"


class BypassSection(Section):
    """The way past a parent that does not answer; absent where there is none."""

    address: Address = Field(
        description="host:port of the link of the centre above the parent (the registry names it): only what rises by "
        "rule goes there, and only when no receipt for it came in time. Always gRPC."
    )


class AuthoritySection(Section):
    """The issuing authority, at the one centre that has it."""

    folder: Path = Field(description="Folder of the issuing authority; the root's key is never in it.")


class TerritorySection(Section):
    """The dated tree of areas."""

    file: Path = Field(description="TOML file with areas, centre points and dates.")


class ModulesSection(BaseModel):
    """Which modules are on; each may have a section of its own, which the module checks."""

    model_config = ConfigDict(extra="allow", frozen=True)

    enabled: tuple[str, ...] = Field(default=(), description="Names of the modules to switch on.")

    def section(self, name: str) -> dict[str, Any]:
        """Give the section [modules.<name>] as it was written; empty if there is none."""
        value = (self.model_extra or {}).get(name, {})
        return dict(value) if isinstance(value, Mapping) else {}

    @property
    def sections(self) -> tuple[str, ...]:
        """Names for which there is a section or a stray key."""
        return tuple(self.model_extra or {})


class PresenceSection(Section):
    """How often the centre states upwards how it is."""

    period_s: float = Field(default=15.0, gt=0, le=3600, description="Seconds between two statements.")


class AccountsSection(Section):
    """Who signs in, how, and for how long."""

    second_factor: tuple[Role, ...] = Field(
        default=(Role.LEADER, Role.ADMIN),
        description="Roles that sign in with a code of their telephone too, set up at their next sign-in; others may.",
    )
    session_hours: float = Field(default=12.0, gt=0, le=24, description="Hours after which a session ends in any case.")
    idle_minutes: float = Field(default=30.0, ge=1, le=1440, description="Minutes without use that end a session.")
    watching_is_use: bool = Field(
        default=True, description="Whether an open live screen counts as use: somebody on duty watches without a click."
    )
    sessions_each: int = Field(
        default=20, ge=1, le=200, description="Sessions of one person at a time; one more ends the longest unused."
    )
    shortest_password: int = Field(
        default=10, ge=SHORTEST_PASSWORD, le=64, description="Characters that a new password needs at least."
    )
    one_time_hours: float = Field(
        default=72.0, gt=0, le=720, description="Hours for which a one-time password opens the door."
    )

    @property
    def idle(self) -> timedelta:
        """The time without use that ends a session."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def lasts(self) -> timedelta:
        """The time after which a session ends in any case."""
        return timedelta(hours=self.session_hours)


class BulkSection(Section):
    """Photographs and files that a centre above may fetch: what may leave, and how long fetched copies are kept."""

    media_types: tuple[str, ...] = Field(
        default=("image/jpeg",), description="Media types that may leave; an empty list keeps everything here."
    )
    kinds: tuple[str, ...] = Field(
        default=("*",), description="Kinds of incidents whose files may leave, such as citizen.flood or citizen.*."
    )
    largest_mb: float = Field(default=16.0, gt=0, le=64, description="Megabytes of one file that may leave.")
    keep_days: float = Field(default=30.0, gt=0, le=3650, description="Days after which a fetched copy is deleted.")
    quota_mb: float = Field(default=2048.0, gt=0, description="Megabytes of fetched copies in all.")
    child_quota_mb: float = Field(default=512.0, gt=0, description="Megabytes of fetched copies from one child.")
    kb_per_s: float = Field(default=1024.0, ge=4, description="Kilobytes a second that files take of the line upwards.")


class BackupSection(Section):
    """Who can open this centre's backups; one of the two must be given to make any."""

    recipient: str = Field(
        default="", description="X25519 public key in 64 hexadecimal digits, from `python -m node backup key`."
    )
    passphrase_file: Path | None = Field(
        default=None, description="File with a passphrase instead, readable by its owner only."
    )


class FiguresSection(Section):
    """How figures are closed, and what this centre counts beyond the common definitions."""

    period_s: int = Field(
        default=86_400, ge=2, le=86_400, description="Seconds of a period; a day (+07:00) but for rehearsals."
    )
    look_back: int = Field(
        default=62, ge=1, le=800, description="Periods that are over and still looked at for late data, newest first."
    )
    folder: Path | None = Field(default=None, description="Folder of this centre's own definitions (`own.*`).")
    freeze_s: int = Field(
        default=30 * 86_400,
        ge=60,
        le=800 * 86_400,
        description="Seconds after the end of a period from which a change of it needs a recorded exception.",
    )

    @field_validator("period_s")
    @classmethod
    def _divides(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("must divide a day without remainder, such as 86400, 3600 or 5")
        return value


class Settings(BaseSettings):
    """All settings of one node."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    node: NodeSection
    database: DatabaseSection = DatabaseSection()
    http: HttpSection = HttpSection()
    link: LinkSection = LinkSection()
    parent: ParentSection | None = None
    bypass: BypassSection | None = None
    authority: AuthoritySection | None = None
    territory: TerritorySection
    modules: ModulesSection = ModulesSection()
    presence: PresenceSection = PresenceSection()
    figures: FiguresSection = FiguresSection()
    backup: BackupSection = BackupSection()
    bulk: BulkSection = BulkSection()
    accounts: AccountsSection = AccountsSection()
    metrics: MetricsSection = MetricsSection()
    intake: IntakeSection = IntakeSection()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file and the environment; raise SettingsError with every problem."""
        try:
            settings = cls(**written(path))
        except ValidationError as error:
            raise SettingsError(sentences(cls, error)) from error
        settings = settings._from(path.absolute().parent)
        problem = folder_problem(settings.node.folder)
        if problem:
            raise SettingsError([f"node.folder: {problem}"])
        return settings

    @classmethod
    def sections(cls, path: Path) -> dict[str, BaseModel]:
        """Give those sections of a file that are right by themselves, for a check that wants to go on."""
        found: dict[str, BaseModel] = {}
        with contextlib.suppress(SettingsError):
            for name, value in written(path).items():
                section = section_class(cls.model_fields[name].annotation) if name in cls.model_fields else None
                with contextlib.suppress(ValidationError):
                    if section is not None:
                        found[name] = section.model_validate(value)
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the file; nothing else is read."""
        _ = settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    def _from(self, base: Path) -> Self:
        """Make every relative path start at the folder of the settings file."""
        node = self.node.model_copy(update={"folder": base / self.node.folder})
        territory = self.territory.model_copy(update={"file": base / self.territory.file})
        authority = self.authority and self.authority.model_copy(update={"folder": base / self.authority.folder})
        passphrase = self.backup.passphrase_file
        backup = self.backup.model_copy(update={"passphrase_file": passphrase and base / passphrase})
        figures = self.figures.model_copy(update={"folder": self.figures.folder and base / self.figures.folder})
        changed = {"backup": backup, "figures": figures, "node": node, "territory": territory, "authority": authority}
        intake = self.intake.model_copy(update={"socket": self.intake.socket_in(base, node.folder)})
        return self.model_copy(update={**changed, "intake": intake})

    @property
    def keys(self) -> Path:
        """Folder of the centre's keys, and of nothing else."""
        return self.node.folder / "keys"

    @property
    def socket(self) -> Path:
        """Unix socket for the commands of this machine."""
        return self.node.folder / "node.sock"

    @property
    def counter(self) -> Path:
        """Unix socket for the intake process."""
        return self.intake.socket_in(self.node.folder, self.node.folder)

    @property
    def nats_file(self) -> Path:
        """Configuration that this node writes for its own NATS server."""
        return self.node.folder / "nats" / "server.conf"

    @property
    def database_url(self) -> str:
        """URL of the database, the default filled in."""
        return self.database.url or f"sqlite:///{self.node.folder / 'node.db'}"


def manager_from_environment() -> tuple[str, float]:
    """Give systemd's notification socket, and within how many seconds it wants a sign; empty and 0 without systemd."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return os.environ.get("NOTIFY_SOCKET", ""), int(microseconds) / 1e6 if microseconds.isdigit() else 0.0


def clock_file_from_environment() -> str:
    """Give the file that sets the clock wrong in a drill, from LIENTHONG_CLOCK; empty in production."""
    return os.environ.get(f"{ENV_PREFIX}CLOCK", "")


def environment_problems() -> list[str]:
    """Name our variables that nothing reads: a misspelt one would be passed over in silence."""
    sections = {f"{name.upper()}__" for name in Settings.model_fields}
    problems = []
    for name in sorted(os.environ):
        rest = name.upper().removeprefix(ENV_PREFIX)
        if rest == name.upper() or rest in _NO_SETTINGS or rest.startswith((*sections, "UI__")):
            continue
        known = {name.lower() for name in Settings.model_fields}
        problems.append(f"{name}: is read by nothing{closest(rest.partition('__')[0].lower(), known)}")
    return problems


def forget_environment() -> None:
    """Drop every variable of ours, for a process that must not pass them on; call it once the settings are read."""
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        del os.environ[name]


def failpoint_from_environment() -> str:
    """Give the failure to arrange in a test run, from LIENTHONG_FAILPOINT; empty in production."""
    return os.environ.get(f"{ENV_PREFIX}FAILPOINT", "")


def written(path: Path) -> dict[str, Any]:
    """Read a settings file; raise SettingsError where it is none."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: is no TOML: {error}"]) from error
