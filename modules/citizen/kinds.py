"""What citizens report and how urgent they say it is: facts, no procedure."""

from dataclasses import dataclass

from node.incident.value import IncidentKind, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One choice of the form; the incident's kind is `citizen.<name>`."""

    name: str
    title: str
    rises_from: Severity

    @property
    def kind(self) -> IncidentKind:
        """The kind of incident that such a report opens."""
        return IncidentKind(code=f"citizen.{self.name}", title=self.title, rises_from=self.rises_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """One choice of the form and what it means for the incident; from HIGH on it is to be received in 15 minutes."""

    name: str
    title: str
    severity: Severity


CATEGORIES = {
    category.name: category
    for category in (
        Category(name="flood", title="Ngập lụt, thiên tai", rises_from=Severity.HIGH),
        Category(name="fire", title="Cháy, nổ", rises_from=Severity.HIGH),
        Category(name="accident", title="Tai nạn giao thông", rises_from=Severity.HIGH),
        Category(name="road", title="Hư hỏng đường, ùn tắc", rises_from=Severity.CRITICAL),
        Category(name="environment", title="Môi trường, rác thải", rises_from=Severity.CRITICAL),
        Category(name="order", title="An ninh, trật tự", rises_from=Severity.CRITICAL),
        Category(name="health", title="Y tế, dịch bệnh, thực phẩm", rises_from=Severity.HIGH),
        Category(name="utilities", title="Điện, nước, viễn thông", rises_from=Severity.CRITICAL),
        Category(name="other", title="Việc khác", rises_from=Severity.CRITICAL),
    )
}

URGENCIES = {
    urgency.name: urgency
    for urgency in (
        Urgency(name="normal", title="Bình thường", severity=Severity.NORMAL),
        Urgency(name="urgent", title="Khẩn", severity=Severity.HIGH),
        Urgency(name="danger", title="Nguy hiểm tính mạng", severity=Severity.CRITICAL),
    )
}

EMERGENCY_NUMBERS = (
    ("112", "Tìm kiếm, cứu nạn"),
    ("113", "Công an"),
    ("114", "Chữa cháy, cứu hộ"),
    ("115", "Cấp cứu y tế"),
)
