"""What a centre may set for its citizen page: section [modules.citizen]."""

from pydantic import BaseModel, ConfigDict, Field

from node.facts import Facts

NAME = "citizen"


class CitizenSettings(BaseModel):
    """The section [modules.citizen] of a node's settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity_days: int = Field(
        default=180, ge=1, le=3650, description="Days after which a reporter's name and telephone are deleted."
    )
    photo_days: int = Field(
        default=365, ge=1, le=36_500, description="Days after which the photograph of a closed case is deleted."
    )
    text_days: int = Field(
        default=1825, ge=1, le=36_500, description="Days after which words and place of a closed case are deleted."
    )
    reports_per_minute: int = Field(default=60, ge=1, le=100_000, description="Reports a minute from one address.")
    lookups_per_minute: int = Field(default=120, ge=1, le=100_000, description="Look-ups a minute from one address.")
    all_reports_per_s: int = Field(default=20, ge=1, le=10_000, description="Reports a second from all addresses.")
    all_lookups_per_s: int = Field(default=100, ge=1, le=10_000, description="Look-ups a second from all addresses.")
    uploads_at_once: int = Field(default=24, ge=1, le=500, description="Reports being received at the same time.")
    uploads_waiting: int = Field(default=200, ge=0, le=10_000, description="Reports that may wait to be received.")
    upload_s: float = Field(default=120.0, gt=0, le=900, description="Seconds within which a report must have arrived.")
    photos_at_once: int = Field(default=2, ge=1, le=32, description="Photographs being decoded at the same time.")


def settings_of(facts: Facts) -> CitizenSettings:
    """The section [modules.citizen] of the settings."""
    settings = facts.module_settings.get(NAME)
    return settings if isinstance(settings, CitizenSettings) else CitizenSettings()
