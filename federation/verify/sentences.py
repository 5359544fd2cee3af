"""What a pack proves, in plain sentences: Vietnamese or English."""

from collections.abc import Mapping

from .verdict import Proof, Verdict

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "exported": "Exported by {who} at {at}, about {subject}.",
        "signed": "{who} signed {kind}{said} at {at}.",
        "enclosed": "  It stands inside a record that {who} signed.",
        "received": "  {who} signed a receipt for it at {at}.",
        "restated": "  {who}, who exports, states anew that it was received at {at}.",
        "before": "  The receipt before that, without it, is of {at}.",
        "alone": "  No receipt stands behind it: its time is the signer's own word.",
        "late": "  The receipt came when the signer's key was not certified: its time is the signer's own word.",
        "words": "{who} enciphered and signed, {part}: {text}",
        "fault": "DOES NOT HOLD [{code}] {who}: {reason} ({where})",
        "good": "All of it holds.",
        "bad": "{count} things do not hold.",
    },
    "vi": {
        "exported": "{who} đã xuất vào lúc {at}, về {subject}.",
        "signed": "{who} đã ký {kind}{said} vào lúc {at}.",
        "enclosed": "  Nó nằm trong một bản ghi do {who} ký.",
        "received": "  {who} đã ký biên nhận vào lúc {at}.",
        "restated": "  {who} là nơi xuất, xác nhận lại rằng đã nhận vào lúc {at}.",
        "before": "  Biên nhận liền trước, chưa có bản ghi này, là lúc {at}.",
        "alone": "  Không có biên nhận: thời điểm chỉ do bên ký tự khai.",
        "late": "  Biên nhận nằm ngoài hạn chứng thư của bên ký: thời điểm chỉ do bên ký tự khai.",
        "words": "{who} đã mã hóa và ký, {part}: {text}",
        "fault": "KHÔNG ĐÚNG [{code}] {who}: {reason} ({where})",
        "good": "Tất cả đều đúng.",
        "bad": "{count} điều không đúng.",
    },
}


def of_pack(verdict: Verdict, lang: str) -> str:
    """The verdict on a pack, a sentence a line."""
    texts = _TEXTS[lang]
    subject = " ".join(f"{name} {value}" for name, value in (verdict.subject or {}).items())
    lines = [texts["exported"].format(who=verdict.title(verdict.exporter), at=verdict.exported_at, subject=subject)]
    for proof in verdict.proofs:
        lines += _of_proof(verdict, proof, texts)
    for said in verdict.words:
        lines.append(texts["words"].format(who=verdict.title(said.centre), part=said.part, text=_plain(said.text)))
    for fault in verdict.faults:
        who = verdict.title(fault.centre)
        lines.append(texts["fault"].format(code=fault.code, who=who, reason=fault.reason, where=fault.where))
    lines.append(texts["good"] if verdict.holds else texts["bad"].format(count=len(verdict.faults)))
    return "\n".join(lines)


def _of_proof(verdict: Verdict, proof: Proof, texts: Mapping[str, str]) -> list[str]:
    who, said = verdict.title(proof.centre), f" [{_plain(proof.said)}]" if proof.said else ""
    lines = [texts["signed"].format(who=who, kind=proof.kind, said=said, at=proof.sealed_at.isoformat())]
    if proof.enclosed_by:
        lines.append(texts["enclosed"].format(who=verdict.title(proof.enclosed_by)))
    if proof.received_at is None:
        return [*lines, texts["alone"]]
    text = texts["restated" if proof.is_restated else "received"]
    lines.append(text.format(who=verdict.title(proof.received_by), at=proof.received_at.isoformat()))
    if proof.not_before is not None:
        lines.append(texts["before"].format(at=proof.not_before.isoformat()))
    return lines if proof.is_timely else [*lines, texts["late"]]


def _plain(text: str) -> str:
    """Words of others on one line, without anything that steers a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
