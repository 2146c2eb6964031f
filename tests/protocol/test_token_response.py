"""The token response."""

from oauth_service.protocol.secret import Secret
from oauth_service.protocol.token_response import TokenResponse


def response(refresh_token: str = "RT_hush") -> TokenResponse:
    """Return the guide's response."""
    return TokenResponse(
        access_token=Secret("AT_hush"), expires_in=3600, refresh_token=Secret(refresh_token), scope="user profile"
    )


def test_the_members_are_the_guides_in_its_order() -> None:
    """Step 5 is reproduced verbatim, except for the random parts."""
    assert list(response().members().items()) == [
        ("access_token", "AT_hush"),
        ("token_type", "Bearer"),
        ("expires_in", 3600),
        ("refresh_token", "RT_hush"),
        ("scope", "user profile"),
    ]


def test_without_a_refresh_token_the_member_is_not_there() -> None:
    """The member is "OPTIONAL" (RFC 6749 section 5.1); clients would take an empty one for a token."""
    assert list(response("").members()) == ["access_token", "token_type", "expires_in", "scope"]


def test_it_does_not_show_itself() -> None:
    """The repr ends up in tracebacks and logs."""
    assert "hush" not in repr(response())
