"""What a centre may set for its citizen page: section [modules.citizen]."""

from pydantic import BaseModel, ConfigDict, Field

NAME = "citizen"


class CitizenSettings(BaseModel):
    """The section [modules.citizen] of a node's settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity_days: int = Field(
        default=180, ge=1, le=3650, description="Days after which a reporter's name and telephone are deleted."
    )
    reports_per_minute: int = Field(default=60, ge=1, le=100_000, description="Reports a minute from one address.")
    lookups_per_minute: int = Field(default=120, ge=1, le=100_000, description="Look-ups a minute from one address.")
    uploads_at_once: int = Field(default=24, ge=1, le=500, description="Reports being received at the same time.")
    photos_at_once: int = Field(default=2, ge=1, le=32, description="Photographs being decoded at the same time.")
