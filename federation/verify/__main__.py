"""The command: prove a bundle, say what holds, name the centre where something does not."""

import argparse
import json
import sys
from pathlib import Path

from .proof import prove
from .sentences import of_pack
from .verdict import Damaged, Verdict


def main(arguments: list[str] | None = None) -> int:
    """Prove the bundle named on the command line; 0 if all of it holds, 1 if anything does not."""
    parser = argparse.ArgumentParser(
        prog="python -m federation.verify", description="Prove a bundle of stored frames with a root certificate only."
    )
    parser.add_argument("bundle", type=Path, help="the file that `python -m node evidence` wrote")
    parser.add_argument("--root", type=Path, required=True, help="the trusted root certificate (PEM)")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of text")
    parser.add_argument("--lang", choices=("en", "vi"), default="en", help="the language of a pack's sentences")
    asked = parser.parse_args(arguments)
    try:
        verdict = prove(asked.bundle.read_bytes(), asked.root.read_bytes())
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except Damaged as error:
        verdict = Verdict()
        verdict.blame("", str(asked.root), error)
    text = f"{_as_text(verdict) if verdict.subject is None else of_pack(verdict, asked.lang)}\n"
    sys.stdout.write(f"{'' if asked.json else text}{_as_json(verdict)}\n")
    return 0 if verdict.holds else 1


def _as_json(verdict: Verdict) -> str:
    centres = {
        name: {
            "code": verdict.titles[name].code if name in verdict.titles else "",
            "title": verdict.titles[name].title if name in verdict.titles else "",
            "streams": count.streams,
            "frames": count.frames,
            "records": count.records,
            "enclosed": count.enclosed,
            "figures": count.figures,
            "totals": count.totals,
        }
        for name, count in sorted(verdict.centres.items())
    }
    faults = [
        {
            "code": fault.code,
            "centre": fault.centre,
            "title": verdict.title(fault.centre),
            "where": fault.where,
            "reason": fault.reason,
        }
        for fault in verdict.faults
    ]
    beginnings = [
        {
            "origin": one.origin,
            "lane": one.lane,
            "audience": one.audience,
            "epoch": one.epoch.hex(),
            "frame_no": one.frame_no,
            "earlier_held_by": one.held_by,
        }
        for one in verdict.beginnings
    ]
    proofs = [
        {
            "centre": one.centre,
            "rid": one.rid.hex(),
            "kind": one.kind,
            "said": one.said,
            "sealed_at": one.sealed_at.isoformat(),
            "enclosed_by": one.enclosed_by,
            "received_by": one.received_by,
            "received_at": one.received_at.isoformat() if one.received_at else None,
            "not_before": one.not_before.isoformat() if one.not_before else None,
            "restated": one.is_restated,
            "timely": one.is_timely,
        }
        for one in verdict.proofs
    ]
    words = [{"centre": one.centre, "part": one.part, "text": one.text} for one in verdict.words]
    about = {} if verdict.subject is None else {"subject": dict(verdict.subject), "proofs": proofs, "words": words}
    answer = {"ok": verdict.holds, "exporter": verdict.exporter, "exported_at": verdict.exported_at}
    return json.dumps({**answer, **about, "centres": centres, "from": beginnings, "faults": faults}, ensure_ascii=False)


def _as_text(verdict: Verdict) -> str:
    lines = [f"exported by {verdict.title(verdict.exporter)} at {verdict.exported_at}"] if verdict.exporter else []
    lines += [
        f"{verdict.title(name)}: {count.frames} frames with {count.records} records in {count.streams} streams, "
        f"{count.enclosed} records enclosed by others, {count.figures} states of figures, "
        f"{count.totals} of them totals held against their parts"
        for name, count in sorted(verdict.centres.items())
    ]
    lines += [
        f"{verdict.title(one.origin)}: {one.lane}/{one.audience} is proved from frame {one.frame_no} of epoch "
        f"{one.epoch.hex()[:8]} on; earlier bytes were given up here and are held by {verdict.title(one.held_by)}"
        for one in verdict.beginnings
    ]
    lines += [
        f"DOES NOT HOLD [{fault.code}] {verdict.title(fault.centre)}: {fault.reason} ({fault.where})"
        for fault in verdict.faults
    ]
    lines.append("All of it holds." if verdict.holds else f"{len(verdict.faults)} things do not hold.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
