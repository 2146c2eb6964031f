"""Authorization server metadata (RFC 8414)."""

from collections.abc import Iterable

from . import authorization_request, client_authentication, pkce, reply_to


def document(
    *,
    issuer: str,
    authorization_endpoint: str,
    token_endpoint: str,
    userinfo_endpoint: str,
    revocation_endpoint: str,
    scopes: Iterable[str],
    grant_types: Iterable[str],
) -> dict[str, object]:
    """
    What this server does, for clients that configure themselves (RFC 8414 section 2).

    Args:
        issuer: without query, fragment or trailing slash; the endpoints are absolute URLs.
    """
    methods = list(client_authentication.METHODS)
    return {
        "issuer": issuer,
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "userinfo_endpoint": userinfo_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "scopes_supported": list(scopes),
        "response_types_supported": list(authorization_request.RESPONSE_TYPES),
        "response_modes_supported": list(reply_to.RESPONSE_MODES),
        "grant_types_supported": list(grant_types),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": list(pkce.METHODS),
        "authorization_response_iss_parameter_supported": True,
    }
