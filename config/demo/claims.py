"""Claims about the demo's users: a few standard claims from Django's user model, and all of them for Alice."""

from typing import Any

from oauth_service.claims import claims_of as claims_of_user

# OpenID Connect Core 1.0 section 5.1. All of it is made up.
ALICE: dict[str, dict[str, object]] = {
    "profile": {
        "middle_name": "Pleasance",
        "nickname": "Al",
        "profile": "https://wonderland.example/alice",
        "picture": "https://wonderland.example/alice.png",
        "website": "https://wonderland.example/",
        "gender": "female",
        "birthdate": "1852-05-04",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
    },
    "email": {"email_verified": True},
    "address": {
        "address": {
            "formatted": "1 Rabbit Hole\nOxford\nOX1 1DP\nUnited Kingdom",
            "street_address": "1 Rabbit Hole",
            "locality": "Oxford",
            "postal_code": "OX1 1DP",
            "country": "United Kingdom",
        }
    },
    "phone": {"phone_number": "+44 1865 000000", "phone_number_verified": False},
}


def claims_of(user: Any, scope: frozenset[str]) -> dict[str, object]:
    """The claims of a user, for OAUTH_SERVICE_CLAIMS; for Alice every standard claim."""
    claims = claims_of_user(user, scope)
    if user.get_username() == "alice":
        for name, more in ALICE.items():
            claims |= more if name in scope else {}
        # An Alice that was created by hand may have no name; the claims must still be complete.
        if "profile" in scope:
            claims = {"given_name": "Alice", "family_name": "Liddell"} | claims
    return claims
