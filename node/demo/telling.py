"""What the demo says to the person in front of it."""

from collections.abc import Mapping

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from node.demo.people import Person
from node.demo.sites import Sites


def addresses(sites: Sites, people: Mapping[tuple[str, str], Person], with_screens: tuple[str, ...]) -> Table:
    """One line per centre: where its pages are, and who may sign in."""
    table = Table(title=sites.plan.label, title_justify="left", header_style="bold", expand=False)
    for column in ("Trung tâm / Centre", "Địa chỉ / Address", "Đăng nhập / Sign in", "Mật khẩu / Password"):
        table.add_column(column, overflow="fold")
    for centre in sites.plan.centres:
        site, operator = sites[centre.code], people[centre.code, "operator"]
        lines = [f"{site.screens_url}/dash/"] if centre.code in with_screens else []
        if not sites.plan.children(centre.code):
            lines.append(f"{site.url}/modules/citizen/")
        lines.append(f"{site.url}/docs")
        table.add_row(
            f"{centre.title}\n{centre.tier.upper()} {centre.code}",
            "\n".join(lines),
            operator.username,
            operator.password,
        )
        table.add_section()
    return table


def journey(sites: Sites, with_screens: tuple[str, ...]) -> Panel:
    """How to follow one report from a citizen to the province."""
    commune = next((sites.plan.centre(code) for code in with_screens if not sites.plan.children(code)), None)
    if commune is None:
        commune = sites.plan.leaves()[0]
    district, province = sites.plan.centre(commune.parent), sites.plan.root
    site = sites[commune.code]
    steps = (
        f"1. {site.url}/modules/citizen/  gửi một phản ánh tại {commune.title} (send a report; keep its code)",
        f"2. {site.screens_url}/dash/  tiếp nhận, phân loại, chuyển cấp trên (receive, triage, escalate)",
        f"3. {sites[district.code].screens_url}/dash/  {district.title}: nhận, chuyển cấp trên (accept, escalate)",
        f"4. {sites[province.code].screens_url}/dash/  {province.title}: chữ ký của {commune.title} được kiểm tại đây",
        "5. mã tra cứu trên trang người dân cho thấy từng bước (the citizen's page shows each step)",
        "",
        "Vai trò / roles: canbo (operator), lanhdao (leader), quantri (admin).",
        f"Mọi mật khẩu / all passwords: {sites.accounts}",
        "Ctrl-C dừng tất cả, dữ liệu còn lại (stops all, keeps the data); make demo-clean xoá hết (forgets it).",
    )
    return Panel("\n".join(steps), title="Theo dõi một phản ánh / Follow one report", title_align="left")


def ready(
    console: Console,
    sites: Sites,
    people: Mapping[tuple[str, str], Person],
    with_screens: tuple[str, ...],
    took_s: float,
) -> None:
    """Everything a person needs once all of it runs."""
    console.print(addresses(sites, people, with_screens))
    console.print(journey(sites, with_screens))
    if sites.moved:
        console.print(f"Ports taken by others were replaced: {', '.join(sites.moved)}")
    console.print(f"[bold green]Sẵn sàng / ready[/] ({took_s:.0f} s)")
