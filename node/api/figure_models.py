"""The figures as the API's document describes them: every object with a number requires its label beside it."""

from typing import Any

from pydantic import BaseModel


class CoverageModel(BaseModel):
    """From how many centres a figure is due, and what became of each."""

    expected: int
    received: int
    approved: int
    late: int
    silent: int


class LabelledModel(BaseModel):
    """A number, or that it is unknown, and everything that says how good it is."""

    value: str | None
    partial: str | None
    relation: str
    is_empty: bool
    coverage: CoverageModel
    as_of: str | None
    status: str
    status_title: str
    revision: int
    definition: str


class CellModel(LabelledModel):
    """The part of a figure that lies in one group."""

    dimensions: list[dict[str, Any]]
    is_confidential: bool


class EarlierModel(LabelledModel):
    """A figure of another period."""

    period: str


class MomentModel(EarlierModel):
    """One part of a longer period."""

    missing: list[str]


class RevisionModel(LabelledModel):
    """One signed state."""

    signer: str
    signed_at: str
    received_at: str
    verified: bool | None
    hash: str
    supersedes: str
    reason: str
    entry: dict[str, Any] | None
    is_approved: bool


class ShareModel(LabelledModel):
    """One centre's share."""

    centre: str
    title: str
    state: str
    is_confidential: bool
    is_typed: bool
    checks: list[dict[str, Any]]
    revisions: list[RevisionModel]


class ListedModel(LabelledModel):
    """One indicator of a period."""

    code: str
    name: str
    unit: str
    period: str
    area_code: str
    state: str
    state_title: str
    is_official: bool
    evidence: str
    target: str | None
    thresholds: dict[str, Any] | None
    light: dict[str, Any] | None
    buckets: dict[str, int] | None
    missing: list[str]
    typed: int
    marks: int
    cells: list[CellModel]
    last_year: EarlierModel | None


class FiguresAnswer(BaseModel):
    """The figures of a period."""

    at: str
    period: str
    grain: str
    area_code: str
    area_name: str
    scope: dict[str, Any]
    items: list[ListedModel]
    datasets: list[dict[str, Any]]
    unread: list[dict[str, Any]]


class FigureDetail(ListedModel):
    """One figure with the share of each centre."""

    at: str
    centres: list[ShareModel]
    series: list[MomentModel]
    revisions: list[RevisionModel]
    totals: list[RevisionModel]
    unread: list[dict[str, Any]]
    proof: dict[str, Any] | None
    entry: dict[str, Any] | None


class TileModel(LabelledModel):
    """A figure at a glance; `partial` holds what those said who were heard, and the names of the others."""

    value: int | None  # type: ignore[assignment]  # whole numbers, as the screens count them
    partial: dict[str, Any] | None  # type: ignore[assignment]  # with the names of those who are missing
    key: str
    title: str
    unit: str
    state: str
    source: str


class SituationAnswer(BaseModel):
    """The situation of a centre."""

    at: str
    area: dict[str, Any]
    centre: dict[str, Any]
    tiles: list[TileModel]
    centres: list[dict[str, Any]]
    links: list[dict[str, Any]]
    alarms: list[dict[str, Any]]
