"""Presentation of self-registered clients to users: under the name that they gave themselves, with a warning."""

from dataclasses import dataclass

from django.utils.translation import get_language

from ..models import Client
from ..protocol import registration as rules
from .registration import imitated_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """
    The facts that users should know about a self-registered client.

    Attributes:
        imitates: the name of this service or of an operator's app that the client's name imitates; "" for none.
    """

    imitates: str


def introduce(client: Client) -> Introduction | None:
    """
    Return a notice about a client that introduced itself, and replace its texts by their translations. Nothing is
    saved.

    Args:
        client: read together with its registration.

    Returns:
        None if the operator registered or checked the client, which takes no statement.
    """
    registration = getattr(
        client, "registration", None
    )  # the reverse side of a OneToOneField: absent if there is no row
    if registration is None:
        return None
    found = Introduction(imitates=imitated_by(client, registration.translated)) if not client.is_vouched_for else None
    for name, text in rules.in_language(registration.translated, get_language() or "").items():
        setattr(client, rules.OWN_MEMBERS[name].column, text)
    return found
