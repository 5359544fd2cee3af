"""The one kind of name that identifies a centre."""

import base64
import re
import secrets

from cryptography import x509

from pki.encoding import MALFORMED
from pki.errors import PkiError

DOMAIN = "lienthong.internal"
SEALING_NAME = f"sealing.{DOMAIN}"

_CENTRE_NAME = re.compile(r"n-[a-z2-7]{16}\." + re.escape(DOMAIN))


def mint_name() -> str:
    """A new opaque registry name; 80 random bits, so that no two federations share one."""
    label = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return f"n-{label}.{DOMAIN}"


def is_centre_name(text: str) -> bool:
    """Whether the text is a literal registry name: lower case, no wildcard, no trailing dot."""
    return _CENTRE_NAME.fullmatch(text) is not None


def only_dns_name(certificate: x509.Certificate) -> str:
    """The certificate's single dNSName; BAD_SAN if there is any other name, or not exactly one."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except MALFORMED as error:
        raise PkiError("BAD_SAN", "the certificate names no centre") from error
    names = list(extension.value)
    if len(names) != 1 or not isinstance(names[0], x509.DNSName):
        raise PkiError("BAD_SAN", "the certificate must carry exactly one name, a dNSName")
    return names[0].value


def centre_name(certificate: x509.Certificate) -> str:
    """The registry name that a centre's certificate carries; BAD_SAN for everything that is not one."""
    name = only_dns_name(certificate)
    if not is_centre_name(name):
        raise PkiError("BAD_SAN", "the certificate's name is no registry name")
    return name
