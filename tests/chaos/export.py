"""What one centre holds, as lines for the checker: read from its database once its process has ended."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from federation.frame import decode_record, parse_frame

_MARK = re.compile(rb"dau[a-z]{5}z")
_FRAMES = """
    SELECT s.origin, s.lane, s.audience, f.raw, f.end_count FROM federation_frame f
    JOIN federation_stream s ON s.id = f.stream_id WHERE length(f.raw) > 0 ORDER BY s.id, f.pos
"""
_FLOORS = """
    SELECT s.origin, s.lane, s.audience, f.end_count FROM federation_stream s
    JOIN federation_frame f ON f.stream_id = s.id AND f.pos = s.floor ORDER BY s.id
"""
_HEADS = "SELECT origin, lane, audience, epoch, frame_no, head_count FROM federation_stream ORDER BY id"


def export(database: Path, file: Path) -> int:
    """Write the lines; how many there are."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        lines = [*_records(connection), *_floors(connection), *_heads(connection), *_incidents(connection)]
    lines.append({"what": "end", "lines": len(lines)})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return len(lines)


def _records(connection: sqlite3.Connection) -> Iterator[Mapping[str, Any]]:
    for row in connection.execute(_FRAMES):
        stream = {name: row[name] for name in ("origin", "lane", "audience")}
        parts = parse_frame(row["raw"])
        header = parts.header
        epoch = {"epoch": header.epoch.hex()}
        if header.genesis is not None:
            yield {"what": "epoch", **stream, **epoch, "previous_epoch": header.genesis.epoch.hex()}
        first = row["end_count"] - len(parts.records) + 1
        for index, raw in enumerate(parts.records):
            record = decode_record(raw)
            yield {
                "what": "record",
                **stream,
                **epoch,
                "frame": header.frame_no,
                "seq": header.first_seq + index,
                "order": first + index,
                "rid": str(record.rid),
                "kind": record.kind,
                "marks": sorted({found.decode() for found in _MARK.findall(record.payload)}),
            }


def _floors(connection: sqlite3.Connection) -> Iterator[Mapping[str, Any]]:
    """Up to which record the bytes of a stream were given up by the rules; whoever took it must have them."""
    for row in connection.execute(_FLOORS):
        stream = {name: row[name] for name in ("origin", "lane", "audience")}
        yield {"what": "floor", **stream, "order": row["end_count"]}


def _heads(connection: sqlite3.Connection) -> Iterator[Mapping[str, Any]]:
    for row in connection.execute(_HEADS):
        stream = {name: row[name] for name in ("origin", "lane", "audience")}
        yield {
            "what": "head",
            **stream,
            "epoch": row["epoch"].hex(),
            "frame": row["frame_no"],
            "order": row["head_count"],
        }


def _incidents(connection: sqlite3.Connection) -> Iterator[Mapping[str, Any]]:
    rows = connection.execute("SELECT id, description FROM incident ORDER BY rowid")
    for order, row in enumerate(rows, start=1):
        found = _MARK.search(row["description"].encode())
        yield {"what": "incident", "order": order, "id": str(row["id"]), "mark": found[0].decode() if found else ""}
