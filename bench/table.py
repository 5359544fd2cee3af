"""What was measured, as text for people."""

from collections.abc import Sequence
from typing import Any


def one_line(row: dict[str, Any]) -> str:
    """A row while others are still being measured."""
    if "ours" in row:
        return f"  {_who(row)}: {row['ours']['records_per_s']} records/s, ratio {row['ratio']}"
    return f"  {row['children']} children, parent away {row['down_s']} s: all in {row['all_acknowledged_s']} s"


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
        lines += [*_columns([head, *(_throughput(row) for row in whole["throughput"])]), ""]
    if whole["reconnection"]:
        head = ("parent killed, and back", "all after s", "half after s", "records", "peak MB", "without receipt")
        lines += _columns([head, *(_reconnection(row) for row in whole["reconnection"])])
    return "\n".join(lines)


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


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
