"""How a client that has registered itself is shown to people: under the name that it gave itself, and said to be so."""

from dataclasses import dataclass

from django.utils.translation import get_language

from ..models import Client
from ..protocol import registration as rules
from .registration import imitated_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """
    What people should know of a client that has registered itself.

    Attributes:
        imitates: the name of an app of the operator's, or of this service, that its own looks like; "" for none.
    """

    imitates: str


def introduce(client: Client) -> Introduction | None:
    """
    Say that a client has introduced itself, and put its translated members in the place of the others; not saved.

    Args:
        client: read together with its registration.

    Returns:
        None if the operator has registered or checked it; there is no statement then.
    """
    registration = getattr(client, "registration", None)  # of the other side of a OneToOneField
    if registration is None:
        return None
    found = Introduction(imitates=imitated_by(client, registration.translated)) if not client.is_vouched_for else None
    for name, text in rules.in_language(registration.translated, get_language() or "").items():
        setattr(client, rules.OWN_MEMBERS[name].column, text)
    return found
