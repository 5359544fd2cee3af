"""What two centres had promised by a moment, from the notes in the log alone."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Promises:
    tried: set[tuple[str, str]] = field(default_factory=set)
    kept: set[tuple[str, str]] = field(default_factory=set)
    acks: list[bytes] = field(default_factory=list)
    sent: set[tuple[str, str]] = field(default_factory=set)

    def hear(self, note: str) -> None:
        """One note: `try CODE MARK`, `kept CODE MARK`, `sent NAME HASH` or `ack BYTES`."""
        what, *rest = note.split(" ")
        match what:
            case "try":
                self.tried.add((rest[0], rest[1]))
            case "kept":
                self.kept.add((rest[0], rest[1]))
            case "sent":
                self.sent.add((rest[0], rest[1]))
            case "ack":
                self.acks.append(bytes.fromhex(rest[0]))
            case _:
                raise ValueError(f"{note!r} is no note of a life")

    def copy(self) -> "Promises":
        return Promises(set(self.tried), set(self.kept), list(self.acks), set(self.sent))
