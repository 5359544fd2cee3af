"""What the citizen module adds to a node."""

from modules.citizen import astray, desk, follow, readings, reports, retention, rights, routes, taking
from modules.citizen.kinds import CATEGORIES
from modules.citizen.settings import NAME, CitizenSettings
from modules.citizen.tables import metadata
from node.job import Job
from node.module import Module, Page
from node.role import Permission

MODULE = Module(
    name=NAME,
    routers=(desk.router, rights.router),
    public=(routes.router, follow.router, astray.router),
    counter=(taking.router,),
    local_routers=(rights.local_router,),
    tables=metadata,
    incident_kinds=tuple(category.kind for category in CATEGORIES.values()),
    indicators=readings.SOURCES,
    pages=(
        Page(
            title="Phản ánh của người dân", title_en="Field reports", file="page.py", permission=Permission.REPORT_READ
        ),
    ),
    jobs=(
        Job(
            name="citizen.retention",
            period_s=600.0,
            step=retention.erase_identities,
            title="Xóa danh tính người phản ánh khi hết hạn lưu",
        ),
        Job(
            name="citizen.retention.photos",
            period_s=600.0,
            step=retention.erase_photos,
            title="Xóa ảnh phản ánh khi hết hạn lưu",
        ),
        Job(
            name="citizen.retention.texts",
            period_s=600.0,
            step=retention.erase_texts,
            title="Xóa nội dung phản ánh khi hết hạn lưu",
        ),
    ),
    settings=CitizenSettings,
    finds=reports.find_by_receipt,
    keeps=reports.read_photo,
    entrance="/",
)
