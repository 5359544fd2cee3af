"""What the demo says to the person in front of it."""

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from node.demo.people import Person
from node.demo.sites import Sites

DOOR = "tiến trình tiếp nhận riêng, không giữ khóa / a process of its own, without keys"


def addresses(sites: Sites, people: Mapping[tuple[str, str], Person], with_screens: tuple[str, ...]) -> Text:
    """A few lines per centre: where its pages are, and who may sign in. Addresses stay whole, to be clicked."""
    text = Text()
    for centre in sites.plan.centres:
        site, operator = sites[centre.code], people[centre.code, "operator"]
        text.append(f"{centre.title}", style="bold")
        text.append(f"  {centre.tier.upper()} {centre.code}   {operator.username} / {operator.password}\n")
        if centre.code in with_screens:
            text.append(f"  màn hình / screens  {site.screens_url}/dash/\n")
        if not sites.plan.children(centre.code):
            text.append(f"  người dân / citizen {site.citizens_url}/modules/citizen/")
            text.append(f"  ({DOOR})\n" if site.has_door else "\n", style="dim")
        text.append(f"  API                 {site.url}/docs\n")
    return text


def journey(sites: Sites, with_screens: tuple[str, ...]) -> Text:
    """How to follow one report from a citizen to the province."""
    commune = next((sites.plan.centre(code) for code in with_screens if not sites.plan.children(code)), None)
    if commune is None:
        commune = sites.plan.leaves()[0]
    district, province = sites.plan.centre(commune.parent), sites.plan.root
    site = sites[commune.code]
    steps = (
        f"1. gửi một phản ánh tại {commune.title} (send a report, keep its code)",
        f"      {site.citizens_url}/modules/citizen/",
        "2. tiếp nhận, phân loại, chuyển cấp trên (receive, triage, escalate)",
        f"      {site.screens_url}/dash/",
        f"3. {district.title}: nhận xử lý, chuyển cấp trên (accept, escalate)",
        f"      {sites[district.code].screens_url}/dash/",
        f"4. {province.title}: chữ ký của {commune.title} được kiểm tra tại đây (verified here)",
        f"      {sites[province.code].screens_url}/dash/",
        "5. mã tra cứu cho người dân thấy từng bước (the code shows the citizen each step)",
        f"      {site.citizens_url}/modules/citizen/track",
    )
    return Text("\n".join(("Theo dõi một phản ánh / Follow one report", *steps)))


def ready(
    console: Console,
    sites: Sites,
    people: Mapping[tuple[str, str], Person],
    with_screens: tuple[str, ...],
    took_s: float,
) -> None:
    """Everything a person needs once all of it runs."""
    console.rule(sites.plan.label, align="left")
    console.print(addresses(sites, people, with_screens), soft_wrap=True)
    console.print(journey(sites, with_screens), soft_wrap=True)
    console.rule(align="left")
    console.print(
        f"Vai trò / roles: canbo (operator), lanhdao (leader), quantri (admin); passwords: {sites.accounts}",
        soft_wrap=True,
    )
    if sites.moved:
        console.print(
            f"Ports in use by others were replaced ({len(sites.moved)}); the addresses above are right.",
            highlight=False,
        )
    console.print(
        f"[bold green]Sẵn sàng / ready[/] ({took_s:.0f} s). Ctrl-C dừng tất cả, dữ liệu còn lại (stops all, keeps the "
        "data); make demo-clean xóa hết (forgets it).",
        soft_wrap=True,
        highlight=False,
    )
