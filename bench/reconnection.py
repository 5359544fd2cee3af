"""A parent with 170 children is killed and comes back: how long until each has a receipt for everything."""

import time
from typing import Any

from bench import machine
from bench.stage import LIMIT_S, PAYLOAD_BYTES, RECORDS, Stage, ask_all


def measure(stage: Stage, children: int, down_s: float) -> dict[str, Any]:
    """One row of the table."""
    folder = stage.new_folder()
    url = stage.new_url("sqlite", folder)
    load = machine.load()
    actors = stage.children(children, folder, 2)
    parent, port, _ = stage.parent(url)
    ask_all(actors, do="fill", frames=1, records=RECORDS, size=PAYLOAD_BYTES)
    ask_all(actors, do="start", parent=f"127.0.0.1:{port}")
    ask_all(actors, do="settle", limit_s=LIMIT_S)
    for actor in actors:  # the kill comes while this is under way
        actor.tell(do="say", records=RECORDS, size=PAYLOAD_BYTES)
    parent.kill()
    for actor in actors:
        actor.hear()
    made = ask_all(actors, do="say", records=RECORDS, size=PAYLOAD_BYTES)
    time.sleep(down_s)
    parent, _, listening_s = stage.parent(url, listen=f"127.0.0.1:{port}")
    done = ask_all(actors, do="settle", limit_s=LIMIT_S)
    peak_mb, cpu_s = parent.peak_mb, parent.cpu_s
    for actor in (*actors, parent):
        actor.end()
    return {
        "children": children,
        "down_s": down_s,
        "load": round(load, 2),
        "records": sum(one["records"] for one in made),
        "all_acknowledged_s": round(max(one["at_s"] for one in done) - listening_s, 1),
        "half_acknowledged_s": round(max(one["half_at_s"] for one in done) - listening_s, 1),
        "without_receipt": sum(one["unsettled"] for one in done),
        "parent_peak_mb": round(peak_mb),
        "parent_cpu_s": round(cpu_s, 1),
    }
