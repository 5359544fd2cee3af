"""What was measured, as text for people."""

from collections.abc import Sequence
from typing import Any


def one_line(what: str, row: dict[str, Any]) -> str:
    """A part while others are still being measured."""
    if "ours" in row:
        return f"  {_who(row)}: {row['ours']['records_per_s']} records/s, ratio {row['ratio']}"
    if "all_acknowledged_s" in row:
        return f"  {row['children']} children, parent away {row['down_s']} s: all in {row['all_acknowledged_s']} s"
    return f"  {what}: done"


def text(whole: dict[str, Any]) -> str:
    """The tables, with what to compare."""
    facts = whole["machine"]
    lines = [
        f"{facts['cores']} cores, {facts['file_system']}, Python {facts['python']}, SQLite {facts['sqlite']}",
        f"load {facts['load_before']} before, {facts['load_after']} after; measured in {facts['seconds']} s",
        "",
    ]
    if whole["throughput"]:
        head = ("taken in by one parent", "records/s", "CPU us", "bare gRPC", "bare database", "ratio", "peak MB")
        if any("baseline" in row for row in whole["throughput"]):
            head += ("baseline", "CPU us then")
        lines += [*_columns([head, *(_throughput(row) for row in whole["throughput"])]), ""]
    if whole["reconnection"]:
        head = ("parent killed, and back", "all after s", "half after s", "records", "peak MB", "without receipt")
        lines += [*_columns([head, *(_reconnection(row) for row in whole["reconnection"])]), ""]
    parts = (("journey", _journey), ("idle", _idle), ("screens", _screens))
    for name, tell in parts:
        if whole.get(name):
            lines += [*tell(whole[name]), ""]
    lines += [f"FAILED {sentence}" for sentence in whole.get("failed", ())]
    return "\n".join(lines).rstrip()


def _who(row: dict[str, Any]) -> str:
    children = f"{row['children']} children" if row["children"] > 1 else "1 child"
    return f"{children}, {row['database']}{', a row of effect each' if row['effects'] else ''}"


def _throughput(row: dict[str, Any]) -> tuple[str, ...]:
    ours = row["ours"]
    return (
        _who(row),
        str(ours["records_per_s"]),
        str(ours["cpu_us_per_record"]),
        str(row["bare_stream"]["records_per_s"]),
        str(row["bare_store"]["records_per_s"]),
        f"{row['ratio']:.2f} of {row['slower']}",
        str(row["parent_peak_mb"]),
        *((str(row["baseline"][name]) for name in ("records_per_s", "cpu_us_per_record")) if "baseline" in row else ()),
    )


def _reconnection(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['children']} children, {row['down_s']:.0f} s away",
        str(row["all_acknowledged_s"]),
        str(row["half_acknowledged_s"]),
        str(row["records"]),
        str(row["parent_peak_mb"]),
        str(row["without_receipt"]),
    )


def _journey(found: dict[str, Any]) -> list[str]:
    head = ("commune's 201 until", "p50 ms", "p99 ms", "max ms", "samples", "with backlog p50", "p99", "samples")
    names = {
        "province_api": "the province's API knows it",
        "district_screen": "a screen of the district has it",
        "province_screen": "a screen of the province has it",
    }
    rows = [
        (words, *_spread(found["at_rest"][name]), *_spread(found["with_backlog"][name], longest=False))
        for name, words in names.items()
    ]
    rows.append(("limit: bare gRPC, two hops, two syncs", *_spread(found["bare_hops"]), "", "", ""))
    hops = found["two_hops"]
    two = (
        "figures through two hops",
        "records/s",
        "bare, two syncs",
        "ratio",
        "CPU us commune",
        "district",
        "province",
    )
    row = ("verified at both", hops["records_per_s"], hops["bare_records_per_s"], _said(hops["ratio"]))
    cpu = (hops["commune_cpu_us"], hops["district_cpu_us"], hops["province_cpu_us"])
    ratio = f"p50 at rest is {_said(found['ratio_p50'])} times the limit"
    return [*_columns([head, *rows]), ratio, "", *_columns([two, tuple(str(one) for one in (*row, *cpu))])]


def _spread(one: dict[str, Any], *, longest: bool = True) -> tuple[str, ...]:
    values = (one["p50_ms"], one["p99_ms"], *((one["max_ms"],) if longest else ()), one["samples"])
    return tuple(_said(value) for value in values)


def _said(value: float | None) -> str:
    return "-" if value is None else str(value)


def _idle(found: dict[str, Any]) -> list[str]:
    head = (f"idle for {found['seconds']} s", "MB", "% of a core", "wake-ups/s", "MB to the limit")
    rows = [
        (tier, str(one["rss_mb"]), str(one["cpu_percent"]), str(one["wakeups_per_s"]), _said(one["ratio_rss"]))
        for tier, one in found["tiers"].items()
    ]
    bare = found["bare_idle"]
    limit = ("limit: libraries only", *(str(bare[name]) for name in ("rss_mb", "cpu_percent", "wakeups_per_s")), "")
    return _columns([head, *rows, limit])


def _screens(found: dict[str, Any]) -> list[str]:
    head = ("screens pushed to", "% of a core each", "bare", "ratio", "MB each", "bare MB", "messages/s", "kB/s")
    names = ("cpu_percent_per_client", "bare_cpu_percent_per_client", "ratio", "mb_per_client", "bare_mb_per_client")
    more = ("messages_per_client_s", "kb_per_client_s")
    rows = [(f"{one['clients']} clients", *(_said(one[name]) for name in (*names, *more))) for one in found["push"]]
    alone, memory = found["without_clients"]["cpu_percent"], found["without_clients"]["rss_mb"]
    lines = _columns([head, *rows])
    lines.append("nobody looking: " + ", ".join(f"{name} {alone[name]} % {memory[name]} MB" for name in alone))
    page = found["page"]
    if page is None:
        return [*lines, "no browser here: the load of a page was not measured"]
    bare = page["bare_page"]
    head = ("a page loaded in a browser", "server CPU s", "MB", "shown p50 ms", "ratio of CPU")
    ours = ("the situation", page["server_cpu_s"], page["server_mb"], page["shown"]["p50_ms"], page["ratio"])
    least = ("limit: a page of one line", bare["server_cpu_s"], bare["server_mb"], bare["shown"]["p50_ms"], "")
    return [*lines, "", *_columns([head, *(tuple(_said(one) for one in row) for row in (ours, least))])]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
