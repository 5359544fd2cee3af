"""What this package refuses, each with a code for machines and a reason for people."""


class PkiError(Exception):
    """A refusal: `code` is stable and upper case, `reason` is a sentence that holds no secret."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class KeystoreError(PkiError):
    """The keys of this node are absent, incomplete, or readable by others."""


class GateRefused(PkiError):  # noqa: N818 - reads as what happened
    """A peer whose chain passed or failed TLS, but who is not let in."""
