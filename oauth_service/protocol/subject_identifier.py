"""Subject identifiers for security event tokens: another server's name for a user (RFC 9493)."""

from dataclasses import dataclass

from .errors import InvalidRequest
from .parameters import Parameters

FORMATS: dict[str, tuple[str, ...]] = {
    "iss_sub": ("iss", "sub"),
    "opaque": ("id",),
    "email": ("email",),
}
"""The supported formats, with the members that each must have (section 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectIdentifier:
    """
    A subject identifier.

    Attributes:
        format: one of FORMATS.
        name: value of its last member: sub, id or the e-mail address.
        iss: issuer of the sub; "" unless the format is iss_sub.
    """

    format: str
    name: str
    iss: str = ""


def parse(members: Parameters) -> SubjectIdentifier:
    """
    Read a subject identifier.

    Args:
        members: of its JSON object.

    Raises:
        InvalidRequest: missing, of an unknown format, or with other members than its format has.

    RFC 9493 section 3: an identifier "MUST NOT contain any members prohibited or not described by its Identifier Format".
    """
    if not list(members):
        raise InvalidRequest("sub_id is missing")
    members.refuse_repeats()
    if not (format_ := members.get("format")):
        raise InvalidRequest("sub_id has no format")
    if (names := FORMATS.get(format_)) is None:
        raise InvalidRequest("the format of sub_id is not supported", detail=f"format {format_[:100]!r}")
    if missing := [name for name in names if not members.get(name)]:
        raise InvalidRequest("sub_id lacks what its format must have", detail=f"{format_} without {', '.join(missing)}")
    if beyond := sorted(set(members) - {"format", *names}):
        raise InvalidRequest("sub_id has a member that its format has not", detail=f"{format_} with {beyond!r}")
    return SubjectIdentifier(format=format_, name=members.get(names[-1]), iss=members.get("iss"))
