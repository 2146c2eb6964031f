"""The errors of OAuth 2.0 (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1)."""

from typing import ClassVar


class OAuthError(Exception):
    """
    A refusal with two voices.

    Args:
        description: for the client; a constant ASCII sentence without input, codes or tokens (RFC 6749 section 5.2).
        detail: for the operator's log; the exact reason, ids but never secrets.
    """

    error: ClassVar[str]
    status: ClassVar[int] = 400
    retry_after: int = 0
    """Seconds after which to try again; 0 for: it would not help."""

    def __init__(self, description: str, *, detail: str = "") -> None:
        super().__init__(description)
        self.description = description
        self.detail = detail or description


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated, malformed or contradicts another."""

    error = "invalid_request"


class RequestTooLarge(InvalidRequest):
    """The body is longer than the server reads (RFC 9110 section 15.5.14)."""

    status = 413


class LengthRequired(InvalidRequest):
    """The body has no Content-Length (RFC 9110 section 15.5.12)."""

    status = 411


class InvalidClient(OAuthError):
    """Client authentication failed."""

    error = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The code or refresh token is invalid, expired, revoked, or belongs to another client or redirect_uri."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type or response type."""

    error = "unauthorized_client"


class RevocationForbidden(UnauthorizedClient):
    """The client may not end what users have (draft-parecki-oauth-global-token-revocation section 3.4.1)."""

    status = 403


class UserNotFound(OAuthError):
    """No user is the one that a subject identifier names (draft-parecki-oauth-global-token-revocation section 3.4.1)."""

    error = "user_not_found"
    status = 404


class SignOutFailed(OAuthError):
    """The user that a subject identifier names cannot be signed out (the same section)."""

    error = "sign_out_failed"
    status = 422


class UnsupportedGrantType(OAuthError):
    """No such grant type here."""

    error = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """No such response type here."""

    error = "unsupported_response_type"


class InvalidScope(OAuthError):
    """The scope is unknown, malformed or wider than allowed."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is unknown, malformed, or not for this client (RFC 8707 section 2)."""

    error = "invalid_target"


class AccessDenied(OAuthError):
    """The resource owner said no."""

    error = "access_denied"


class ExpiredToken(OAuthError):
    """The device code has expired, and nobody has decided: the device begins anew (RFC 8628 section 3.5)."""

    error = "expired_token"


class AuthorizationPending(OAuthError):
    """The person has not decided yet; the device asks again (RFC 8628 section 3.5)."""

    error = "authorization_pending"


class SlowDown(AuthorizationPending):
    """A variant of authorization_pending: from now on the device waits five seconds longer (RFC 8628 section 3.5)."""

    error = "slow_down"


class LoginRequired(OAuthError):
    """The user has to sign in, but prompt=none forbids to ask (OpenID Connect Core section 3.1.2.6)."""

    error = "login_required"


class ConsentRequired(OAuthError):
    """The user has to allow it, but prompt=none forbids to ask (OpenID Connect Core section 3.1.2.6)."""

    error = "consent_required"


class InteractionRequired(OAuthError):
    """The user has to act, but prompt=none forbids to ask (OpenID Connect Core section 3.1.2.6)."""

    error = "interaction_required"


class UnmetAuthenticationRequirements(OAuthError):
    """The sign-in cannot be as strong as it must be (OpenID Connect Core Unmet Authentication Requirements 1.0)."""

    error = "unmet_authentication_requirements"


class RequestNotSupported(OAuthError):
    """The request parameter is not supported (OpenID Connect Core section 3.1.2.6)."""

    error = "request_not_supported"


class RequestURINotSupported(OAuthError):
    """The request_uri parameter is not supported (OpenID Connect Core section 3.1.2.6)."""

    error = "request_uri_not_supported"


class RegistrationNotSupported(OAuthError):
    """The registration parameter is not supported (OpenID Connect Core section 3.1.2.6)."""

    error = "registration_not_supported"


class InvalidRedirectURI(OAuthError):
    """A redirect URI cannot be registered (RFC 7591 section 3.2.2)."""

    error = "invalid_redirect_uri"


class InvalidClientMetadata(OAuthError):
    """Another member of the metadata cannot be registered, and nothing can be registered instead (RFC 7591 section 3.2.2)."""

    error = "invalid_client_metadata"


class InvalidSoftwareStatement(OAuthError):
    """The software statement is no JWT, is not genuine, or has expired (RFC 7591 section 3.2.2)."""

    error = "invalid_software_statement"


class UnapprovedSoftwareStatement(OAuthError):
    """Nobody who is trusted for them has issued the software statement (RFC 7591 section 3.2.2)."""

    error = "unapproved_software_statement"


class RegistrationForbidden(AccessDenied):
    """The operator has switched the client off: it does not manage its own registration (RFC 7592 section 2.1)."""

    status = 403


class ServerError(OAuthError):
    """Something unexpected; the log has the traceback under the reference."""

    error = "server_error"
    status = 500


class TemporarilyUnavailable(OAuthError):
    """Not now, but soon (RFC 6749 section 4.1.2.1; RFC 9110 section 15.6.4): nothing was changed."""

    error = "temporarily_unavailable"
    status = 503
    retry_after = 2


class TooManyFailures(TemporarilyUnavailable):
    """
    Refused without a look at the secret, as too many before it were wrong (RFC 6585 section 4).

    Not invalid_client: nothing is said about the credentials, and clients that take that for the end must not.

    Args:
        retry_after: seconds, 1 or more.
    """

    status = 429

    def __init__(self, description: str, *, retry_after: int, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.retry_after = retry_after


class TooManyRegistrations(TemporarilyUnavailable):
    """As many clients wait for somebody to connect them as may (RFC 9110 section 15.6.4)."""

    retry_after = 3600


class UnverifiedTarget(InvalidRequest):
    """client_id or redirect_uri could not be verified: a page for the person, never a redirect (section 4.1.2.1)."""


class ClientNotIntroduced(UnverifiedTarget):
    """client_id is the URL of a document that is not fetched before somebody has signed in."""


class InvalidLogoutRequest(InvalidRequest):
    """A client's wish to sign its user out is not as it should be: a page, never a redirect (RP-Initiated Logout section 4)."""


class BearerError(OAuthError):
    """A protected resource's refusal; its answer carries a WWW-Authenticate challenge (RFC 6750 section 3)."""

    error = "invalid_token"
    status = 401


class MissingToken(BearerError):
    """No token at all: challenged without an error code (RFC 6750 section 3.1)."""

    error = ""


class MalformedBearer(BearerError):
    """The token came in a way or shape that cannot be read."""

    error = "invalid_request"
    status = 400


class InvalidToken(BearerError):
    """Expired, revoked, malformed, or not ours."""


class InsufficientScope(BearerError):
    """
    The token is good, but not for this.

    Args:
        scope: what the resource asks for, space-delimited; stands in the challenge.
    """

    error = "insufficient_scope"
    status = 403

    def __init__(self, description: str, *, scope: str, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.scope = scope


class InsufficientUserAuthentication(BearerError):
    """
    The token is good, but the sign-in that it came from is not strong or recent enough (RFC 9470 section 3).

    Args:
        acr_values: that would do, space-delimited; "" for any.
        max_age: seconds since the sign-in that would do; None for any.
    """

    error = "insufficient_user_authentication"

    def __init__(self, description: str, *, acr_values: str, max_age: int | None, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.acr_values = acr_values
        self.max_age = max_age
