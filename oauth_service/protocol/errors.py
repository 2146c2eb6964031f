"""The errors of OAuth 2.0 (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1)."""

from typing import ClassVar


class OAuthError(Exception):
    """
    A refusal, with one text for the client and one for the operator.

    Args:
        description: for the client; a constant ASCII sentence without input, codes or tokens (RFC 6749 section 5.2).
        detail: for the operator's log; the exact reason, ids but never secrets.
    """

    error: ClassVar[str]
    status: ClassVar[int] = 400
    retry_after: int = 0
    """Seconds after which to try again; 0 if trying again would not help."""

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
    """A subject identifier names no user (draft-parecki-oauth-global-token-revocation section 3.4.1)."""

    error = "user_not_found"
    status = 404


class SignOutFailed(OAuthError):
    """The user cannot be signed out (draft-parecki-oauth-global-token-revocation section 3.4.1)."""

    error = "sign_out_failed"
    status = 422


class UnsupportedGrantType(OAuthError):
    """The server does not have this grant type."""

    error = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """The server does not have this response type."""

    error = "unsupported_response_type"


class InvalidScope(OAuthError):
    """The scope is unknown, malformed or wider than allowed."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is unknown, malformed, or not for this client (RFC 8707 section 2)."""

    error = "invalid_target"


class AccessDenied(OAuthError):
    """The resource owner denied the request."""

    error = "access_denied"


class ExpiredToken(OAuthError):
    """The device code expired before the user decided; the device has to start again (RFC 8628 section 3.5)."""

    error = "expired_token"


class AuthorizationPending(OAuthError):
    """The user has not decided yet; the device polls again (RFC 8628 section 3.5)."""

    error = "authorization_pending"


class SlowDown(AuthorizationPending):
    """The device polled too early and has to wait five seconds longer from now on (RFC 8628 section 3.5)."""

    error = "slow_down"


class LoginRequired(OAuthError):
    """The user has to sign in, but prompt=none forbids asking (OpenID Connect Core section 3.1.2.6)."""

    error = "login_required"


class ConsentRequired(OAuthError):
    """The user has to give consent, but prompt=none forbids asking (OpenID Connect Core section 3.1.2.6)."""

    error = "consent_required"


class InteractionRequired(OAuthError):
    """The user has to act, but prompt=none forbids asking (OpenID Connect Core section 3.1.2.6)."""

    error = "interaction_required"


class UnmetAuthenticationRequirements(OAuthError):
    """The user cannot sign in as strongly as required (OpenID Connect Core Unmet Authentication Requirements 1.0)."""

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
    """Another member of the metadata cannot be registered, and no other value can replace it (RFC 7591 section 3.2.2)."""

    error = "invalid_client_metadata"


class InvalidSoftwareStatement(OAuthError):
    """The software statement is not a JWT, is not genuine, or has expired (RFC 7591 section 3.2.2)."""

    error = "invalid_software_statement"


class UnapprovedSoftwareStatement(OAuthError):
    """The issuer of the software statement is not trusted (RFC 7591 section 3.2.2)."""

    error = "unapproved_software_statement"


class RegistrationForbidden(AccessDenied):
    """The operator has switched the client off, so it cannot manage its own registration (RFC 7592 section 2.1)."""

    status = 403


class ServerError(OAuthError):
    """An unexpected failure; the log has the traceback under the reference."""

    error = "server_error"
    status = 500


class TemporarilyUnavailable(OAuthError):
    """The server cannot answer now, but will soon; nothing was changed (RFC 6749 section 4.1.2.1; RFC 9110 section 15.6.4)."""

    error = "temporarily_unavailable"
    status = 503
    retry_after = 2


class TooManyFailures(TemporarilyUnavailable):
    """
    Refused without checking the secret, because too many secrets before it were wrong (RFC 6585 section 4).

    The error is not invalid_client: the credentials were not checked, and some clients give up after invalid_client.

    Args:
        retry_after: seconds, 1 or more.
    """

    status = 429

    def __init__(self, description: str, *, retry_after: int, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.retry_after = retry_after


class TooManyRegistrations(TemporarilyUnavailable):
    """The limit of registered clients that nobody has connected yet is reached (RFC 9110 section 15.6.4)."""

    retry_after = 3600


class UnknownClient(InvalidRequest):
    """client_id is missing or unknown: the user sees a page and is never redirected (RFC 6749 section 4.1.2.1)."""


class UnregisteredRedirect(InvalidRequest):
    """
    redirect_uri is missing or not registered: the user sees a page and is never redirected (RFC 6749 section 4.1.2.1).

    Args:
        client_id: the client that the request names; nothing proves that it sent the request.
        sent: redirect_uri as it was sent, "" for none.
        registered: the client's redirect URIs.
    """

    def __init__(
        self, description: str, *, client_id: str, sent: str, registered: tuple[str, ...], detail: str = ""
    ) -> None:
        super().__init__(description, detail=detail)
        self.client_id = client_id
        self.sent = sent
        self.registered = registered


class ClientNotIntroduced(UnknownClient):
    """client_id is the URL of a document that is fetched only after the user has signed in."""


class InvalidLogoutRequest(InvalidRequest):
    """A client's sign-out request is invalid: the user sees a page and is never redirected (RP-Initiated Logout section 4)."""


class BearerError(OAuthError):
    """A protected resource's refusal; the response has a WWW-Authenticate challenge (RFC 6750 section 3)."""

    error = "invalid_token"
    status = 401


class MissingToken(BearerError):
    """The request has no token; the challenge has no error code (RFC 6750 section 3.1)."""

    error = ""


class MalformedBearer(BearerError):
    """The token was sent in the wrong way, or is malformed."""

    error = "invalid_request"
    status = 400


class InvalidToken(BearerError):
    """The token is expired, revoked, malformed, or not one of this server."""


class InsufficientScope(BearerError):
    """
    The token is valid, but its scope is too narrow.

    Args:
        scope: scope that the resource requires, space-delimited; the challenge contains it.
    """

    error = "insufficient_scope"
    status = 403

    def __init__(self, description: str, *, scope: str, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.scope = scope


class InsufficientUserAuthentication(BearerError):
    """
    The token is valid, but its sign-in was not strong or recent enough (RFC 9470 section 3).

    Args:
        acr_values: values that the resource accepts, space-delimited; "" for any.
        max_age: most seconds since the sign-in that the resource accepts; None for any.
    """

    error = "insufficient_user_authentication"

    def __init__(self, description: str, *, acr_values: str, max_age: int | None, detail: str = "") -> None:
        super().__init__(description, detail=detail)
        self.acr_values = acr_values
        self.max_age = max_age
