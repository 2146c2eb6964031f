"""The errors: their codes, and their texts for client and log."""

import pytest

from oauth_service.protocol import errors
from oauth_service.protocol.errors import InsufficientScope, InvalidGrant, OAuthError
from oauth_service.protocol.sealed import Unproven

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, OAuthError)]


def test_each_error_has_the_code_and_status_of_its_specification() -> None:
    """RFC 6749 sections 4.1.2.1 and 5.2 and RFC 6750 section 3.1 define them; later errors need not be listed here."""
    said = {error.__name__: (error.error, error.status) for error in ALL if hasattr(error, "error")}
    expected = {
        "InvalidRequest": ("invalid_request", 400),
        "RequestTooLarge": ("invalid_request", 413),
        "UnknownClient": ("invalid_request", 400),
        "UnregisteredRedirect": ("invalid_request", 400),
        "InvalidClient": ("invalid_client", 401),
        "InvalidGrant": ("invalid_grant", 400),
        "UnauthorizedClient": ("unauthorized_client", 400),
        "UnsupportedGrantType": ("unsupported_grant_type", 400),
        "UnsupportedResponseType": ("unsupported_response_type", 400),
        "InvalidScope": ("invalid_scope", 400),
        "AccessDenied": ("access_denied", 400),
        "ServerError": ("server_error", 500),
        "BearerError": ("invalid_token", 401),
        "InvalidToken": ("invalid_token", 401),
        "MissingToken": ("", 401),
        "MalformedBearer": ("invalid_request", 400),
        "InsufficientScope": ("insufficient_scope", 403),
    }
    assert {name: said[name] for name in expected} == expected
    assert (Unproven.error, Unproven.status) == ("invalid_grant", 400)


@pytest.mark.parametrize("detail", ["", "code 7 of family 3"])
def test_the_first_voice_is_the_clients_and_the_second_the_logs(detail: str) -> None:
    """Without a text of its own the log gets the client's."""
    refusal = InvalidGrant("the code is not valid", detail=detail)
    assert (refusal.description, str(refusal)) == ("the code is not valid", "the code is not valid")
    assert refusal.detail == (detail or "the code is not valid")


def test_too_little_scope_says_what_is_needed() -> None:
    """The challenge contains the scope (RFC 6750 section 3)."""
    assert InsufficientScope("not enough", scope="user profile").scope == "user profile"
