"""What the intake process reads of a settings file: the sections that it needs, and no other."""

from pathlib import Path
from typing import Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from node.settings import (
    ENV_PREFIX,
    IntakeSection,
    ModulesSection,
    NodeSection,
    SettingsError,
    TerritorySection,
    written,
)
from node.settings_problem import sentences


class DoorSettings(BaseSettings):
    """The node's own file will do; where the process runs as another user, a file with these sections alone."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, case_sensitive=False
    )

    node: NodeSection
    territory: TerritorySection
    modules: ModulesSection = ModulesSection()
    intake: IntakeSection = IntakeSection()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file and the environment; raise SettingsError with every problem."""
        known = {name: value for name, value in written(path).items() if name in cls.model_fields}
        try:
            settings = cls(**known)
        except ValidationError as error:
            raise SettingsError(sentences(cls, error)) from error
        if settings.intake.listen is None:
            raise SettingsError(["intake.listen: is missing; it is the address of the pages for everybody"])
        base = path.absolute().parent
        node = settings.node.model_copy(update={"folder": base / settings.node.folder})
        territory = settings.territory.model_copy(update={"file": base / settings.territory.file})
        socket = settings.intake.socket_in(base, node.folder)
        intake = settings.intake.model_copy(update={"socket": socket})
        return settings.model_copy(update={"node": node, "territory": territory, "intake": intake})

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

    @property
    def listen(self) -> str:
        """Where strangers come in."""
        return str(self.intake.listen)

    @property
    def socket(self) -> Path:
        """Where the node listens for this process."""
        return self.intake.socket_in(self.node.folder, self.node.folder)
