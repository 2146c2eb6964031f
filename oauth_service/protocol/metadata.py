"""Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0)."""

from collections.abc import Iterable

from . import authorization_request, client_assertion, client_authentication, introspection, jwt_bearer, pkce, reply_to

CLIENT_DOCUMENT_MEMBERS = {"client_id_metadata_document_supported": True}
"""The member for draft-ietf-oauth-client-id-metadata-document section 6."""


def document(
    *,
    issuer: str,
    authorization_endpoint: str,
    token_endpoint: str,
    userinfo_endpoint: str,
    revocation_endpoint: str,
    scopes: Iterable[str],
    grant_types: Iterable[str],
    verifies_assertions: bool,
    device_authorization_endpoint: str = "",
) -> dict[str, object]:
    """
    Return the metadata for clients that configure themselves (RFC 8414 section 2).

    Args:
        issuer: without query, fragment or trailing slash; the endpoints are absolute URLs.
        verifies_assertions: True if clients can authenticate with JWTs that they sign.
        device_authorization_endpoint: "" if the device grant is off (RFC 8628 section 4).
    """
    methods = list(client_authentication.METHODS)
    signed: dict[str, object] = {}
    if verifies_assertions:
        methods += client_assertion.METHODS
        algorithms = _assertion_algorithms()
        signed = {
            f"{endpoint}_endpoint_auth_signing_alg_values_supported": algorithms for endpoint in ("token", "revocation")
        }
    grant_types = list(grant_types)
    if jwt_bearer.GRANT_TYPE in grant_types:
        # The list of trusted issuers is not public (section 8.4 of the draft).
        signed["authorization_grant_profiles_supported"] = [jwt_bearer.ID_JAG_PROFILE]
    of_devices = {"device_authorization_endpoint": device_authorization_endpoint}
    return (of_devices if device_authorization_endpoint else {}) | {
        "issuer": issuer,
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": token_endpoint,
        "userinfo_endpoint": userinfo_endpoint,
        "revocation_endpoint": revocation_endpoint,
        "scopes_supported": list(scopes),
        "response_types_supported": list(authorization_request.RESPONSE_TYPES),
        "response_modes_supported": list(reply_to.RESPONSE_MODES),
        "grant_types_supported": grant_types,
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        **signed,
        "code_challenge_methods_supported": list(pkce.METHODS),
        "authorization_response_iss_parameter_supported": True,
    }


def of_openid_provider(
    *,
    jwks_uri: str,
    end_session_endpoint: str,
    algorithms: Iterable[str],
    claims: Iterable[str],
    acr_values: Iterable[str],
    has_pairwise: bool,
) -> dict[str, object]:
    """
    Return the members that an OpenID Provider adds (OpenID Connect Discovery 1.0 section 3, RP-Initiated Logout 1.0 section 2.1,
    and the metadata of Back-Channel Logout and Front-Channel Logout).

    Args:
        algorithms: those that can sign ID tokens.
        acr_values: those that a sign-in can reach; empty for none in particular.
        has_pairwise: True if the server can make pairwise subjects.
    """
    document: dict[str, object] = {
        "jwks_uri": jwks_uri,
        "end_session_endpoint": end_session_endpoint,
        "subject_types_supported": ["public", *(["pairwise"] if has_pairwise else [])],
        "id_token_signing_alg_values_supported": list(algorithms),
        "userinfo_signing_alg_values_supported": list(algorithms),
        "claim_types_supported": ["normal"],
        "claims_supported": list(dict.fromkeys([*_ID_TOKEN_CLAIMS, *claims])),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        # For the certification tests: without this member they assume that the server reads unsigned request objects, and do
        # not look at request_parameter_supported. An empty list "MUST be omitted" (section 4.2).
        "request_object_signing_alg_values_supported": ["RS256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
    }
    if acr := list(acr_values):
        document["acr_values_supported"] = acr
    return document


def of_introspection(*, introspection_endpoint: str, verifies_assertions: bool, has_keys: bool) -> dict[str, object]:
    """
    Return the members that introspection adds (RFC 8414 section 2, RFC 9701 section 7).

    Args:
        verifies_assertions: True if clients can authenticate with JWTs that they sign.
        has_keys: True if the server can sign its responses.
    """
    # Only confidential clients may ask.
    methods = [name for name in client_authentication.METHODS if name != "none"]
    members: dict[str, object] = {"introspection_endpoint": introspection_endpoint}
    if has_keys:
        members["introspection_signing_alg_values_supported"] = [introspection.ALGORITHM]
    if verifies_assertions:
        methods += client_assertion.METHODS
        members["introspection_endpoint_auth_signing_alg_values_supported"] = _assertion_algorithms()
    return members | {"introspection_endpoint_auth_methods_supported": methods}


def of_global_token_revocation(
    *, global_token_revocation_endpoint: str, verifies_assertions: bool
) -> dict[str, object]:
    """
    Return the members that global token revocation adds (draft-parecki-oauth-global-token-revocation section 5).

    Args:
        verifies_assertions: True if clients can authenticate with JWTs that they sign.
    """
    methods = [
        name for name in client_authentication.METHODS if name != "none"
    ]  # only confidential clients may call it
    if verifies_assertions:
        methods += client_assertion.METHODS
    return {
        "global_token_revocation_endpoint": global_token_revocation_endpoint,
        "global_token_revocation_endpoint_auth_methods_supported": methods,
    }


def _assertion_algorithms() -> list[str]:
    return [name for method in client_assertion.METHODS for name in client_assertion.algorithms_of(method, "")]


_ID_TOKEN_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid")
