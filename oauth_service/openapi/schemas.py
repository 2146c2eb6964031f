"""Contents of components/schemas and components/securitySchemes."""

from collections.abc import Mapping

from .. import documentation
from ..protocol import authorization_request, client_assertion, jwt, pkce, reply_to
from ..protocol.client_metadata import Kind
from ..protocol.device_code import ALPHABET
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.registration import OWN_MEMBERS, SOFTWARE_STATEMENT
from .server import JsonObject, Server

STRING: JsonObject = {"type": "string"}
URL: JsonObject = {"type": "string", "format": "uri"}
WORDS: JsonObject = {"type": "array", "items": STRING, "uniqueItems": True}
CODE_VERIFIER: JsonObject = {"type": "string", "pattern": r"^[A-Za-z0-9\-._~]{43,128}$"}
CODE_CHALLENGE: JsonObject = {"type": "string", "pattern": r"^[A-Za-z0-9\-_]{43}$"}

CLIENT: dict[str, JsonObject] = {
    "client_id": {"type": "string", "description": "Required unless it is in the Authorization header."},
    "client_secret": {
        "type": "string",
        "description": "The secret of a confidential client that does not use HTTP Basic.",
    },
    "client_assertion_type": {
        "enum": [client_assertion.ASSERTION_TYPE],
        "description": "For a client that is registered for private_key_jwt or client_secret_jwt (RFC 7521 section 4.2).",
    },
    "client_assertion": {
        "type": "string",
        "description": "A JWT signed by the client, or with its MAC (RFC 7523 section 2.2).",
    },
}


def scope(server: Server) -> JsonObject:
    """A scope parameter."""
    words = "|".join(server.scopes)
    lines = [f"- `{name}`: {meaning}" for name, meaning in server.scopes.items()]
    return {
        "type": "string",
        "description": "\n".join(["Separated by spaces. Without it, all scopes that the client may have.", *lines]),
        "examples": [" ".join(server.scopes)],
        "pattern": f"^({words})( ({words}))*$",
    }


def authorization_parameters(server: Server) -> dict[str, JsonObject]:
    """The parameters of an authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    return {
        "response_type": {
            "enum": list(authorization_request.RESPONSE_TYPES),
            "description": "The implicit and hybrid flows are not supported.",
        },
        "response_mode": {
            "enum": list(reply_to.RESPONSE_MODES),
            "description": "How the response is sent. Other values are refused.",
        },
        "client_id": {"type": "string", "description": "The client that sends the request."},
        "redirect_uri": {**URL, "description": "Exactly as registered, character by character."},
        "scope": scope(server),
        "state": {"type": "string", "description": "The response contains it unchanged (RFC 6749 section 10.12)."},
        "code_challenge": {
            **CODE_CHALLENGE,
            "description": "BASE64URL(SHA-256(code_verifier)). Public clients always need one (RFC 7636).",
        },
        "code_challenge_method": {
            "enum": list(pkce.METHODS),
            "description": "Required with code_challenge. The method plain is refused.",
        },
    }


def components(server: Server) -> JsonObject:
    """The Components Object."""
    return {"schemas": _schemas(server), "securitySchemes": _security_schemes(server)}


def _schemas(server: Server) -> JsonObject:
    return {
        "Refusal": _object(
            f"An error, described for developers. Each sentence is explained: see {documentation.page('errors')}.",
            {
                "error": {"type": "string", "description": "Absent if the request has no access token at all."},
                "error_description": {"type": "string", "description": "A constant sentence in ASCII."},
                "reference": {
                    "type": "string",
                    "description": "The server's log has the exact reason under this reference.",
                },
            },
            required=("error_description", "reference"),
        ),
        **_requests(server),
        **(_of_devices(server) if server.has_devices else {}),
        **(_of_registration() if server.has_registration else {}),
        **(_of_global_revocation() if server.has_global_revocation else {}),
        "Tokens": _object(
            "RFC 6749 section 5.1.",
            {
                "access_token": {"type": "string", "pattern": "^(AT_|eyJ)"},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer", "minimum": 1, "description": "In seconds."},
                "refresh_token": {"type": "string", "pattern": "^RT_"},
                "scope": {"type": "string", "minLength": 1},
            },
            required=("access_token", "token_type", "expires_in", "scope"),
        ),
        "Introspection": _introspection(),
        "Claims": _object(
            "The claims that the scope of the access token covers. A project can add more.",
            {
                "sub": STRING,
                "username": STRING,
                "email": STRING,
                "name": STRING,
                "given_name": STRING,
                "family_name": STRING,
                "preferred_username": STRING,
                "updated_at": {"type": "integer", "description": "Seconds since the epoch."},
            },
            required=("sub",),
        ),
        "Metadata": _object(
            "RFC 8414 section 2.",
            {
                "issuer": URL,
                "authorization_endpoint": URL,
                **({"device_authorization_endpoint": URL} if server.has_devices else {}),
                "token_endpoint": URL,
                "userinfo_endpoint": URL,
                "revocation_endpoint": URL,
                **({"registration_endpoint": URL} if server.has_registration else {}),
                **(
                    {"client_id_metadata_document_supported": {"type": "boolean"}}
                    if server.has_client_documents
                    else {}
                ),
                "introspection_endpoint": URL,
                **({"global_token_revocation_endpoint": URL} if server.has_global_revocation else {}),
                "scopes_supported": WORDS,
                "response_types_supported": WORDS,
                "response_modes_supported": WORDS,
                "grant_types_supported": WORDS,
                "token_endpoint_auth_methods_supported": WORDS,
                "revocation_endpoint_auth_methods_supported": WORDS,
                "introspection_endpoint_auth_methods_supported": WORDS,
                "introspection_signing_alg_values_supported": WORDS,
                "code_challenge_methods_supported": WORDS,
                "authorization_response_iss_parameter_supported": {"type": "boolean"},
            },
            required=("issuer", "authorization_endpoint", "token_endpoint", "response_types_supported"),
        ),
        "ResourceMetadata": _object(
            "RFC 9728 section 2.",
            {
                "resource": {"type": "string"},
                "authorization_servers": WORDS,
                "scopes_supported": WORDS,
                "bearer_methods_supported": WORDS,
                "resource_name": {"type": "string"},
                "resource_documentation": {"type": "string"},
                "resource_policy_uri": {"type": "string"},
                "resource_tos_uri": {"type": "string"},
            },
            required=("resource", "authorization_servers"),
        ),
        "KeySet": _object(
            "RFC 7517 section 5.",
            {
                "keys": {
                    "type": "array",
                    "items": _object(
                        "A public key. Its other members depend on its kty.",
                        {
                            "kid": STRING,
                            "kty": {"enum": ["RSA", "EC", "OKP"]},
                            "alg": {"enum": list(jwt.ALGORITHMS)},
                            "use": {"const": "sig"},
                        },
                        required=("kid", "kty", "alg", "use"),
                    ),
                }
            },
            required=("keys",),
        ),
        "Health": _object(
            "The status, and what is missing if the process is not ready.",
            {
                "status": {"enum": ["alive", "ready", "unavailable"]},
                "missing": {"type": "array", "items": {"enum": ["keys", "database", "migrations"]}},
                "same_settings": {"type": "object", "description": "For manage.py oauth_doctor only."},
            },
            required=("status",),
        ),
        "Description": _object(
            "This document.", {"openapi": STRING, "info": {"type": "object"}}, required=("openapi", "info", "paths")
        ),
    }


def _of_devices(server: Server) -> JsonObject:
    return {
        "DeviceAuthorizationRequest": _object(
            "RFC 8628 section 3.1.",
            {"scope": scope(server), "resource": _PARAMETERS["resource"], **CLIENT},
            values=STRING,
        ),
        "DeviceAuthorization": _object(
            "RFC 8628 section 3.2.",
            {
                "device_code": {"type": "string", "pattern": "^DC_"},
                "user_code": {"type": "string", "pattern": f"^[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}$"},
                "verification_uri": URL,
                "verification_uri_complete": URL,
                "expires_in": {"type": "integer", "minimum": 1, "description": "In seconds."},
                "interval": {"type": "integer", "minimum": 1, "description": "Seconds between two polls."},
            },
            required=("device_code", "user_code", "verification_uri", "expires_in"),
        ),
        "DeviceDecision": _object(
            "The code, alone or with the user's decision.",
            {
                "user_code": STRING,
                "scope": STRING,
                "resource": STRING,
                "allow": STRING,
                "deny": STRING,
                "csrfmiddlewaretoken": STRING,
            },
            required=("user_code",),
            values=STRING,
        ),
    }


def _of_registration() -> JsonObject:
    members = {name: {**_KINDS[member.kind], "description": member.help} for name, member in OWN_MEMBERS.items()}
    members |= {"response_types": WORDS, "software_id": STRING, "software_version": STRING, SOFTWARE_STATEMENT: STRING}
    issued: dict[str, JsonObject] = {
        "client_id": STRING,
        "client_secret": {"type": "string", "description": "Shown once."},
        "client_id_issued_at": {"type": "integer", "description": "Seconds since the epoch."},
        "client_secret_expires_at": {"const": 0, "description": "The secret does not expire."},
        "registration_access_token": {"type": "string", "pattern": "^RAT_"},
        "registration_client_uri": URL,
    }
    return {
        "ClientMetadata": _object(
            "RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2. Unknown members are ignored. The "
            "names and links for people may have a language tag, such as client_name#de.",
            members,
        ),
        "Registered": _object(
            "RFC 7591 section 3.2.1: the registration, which may differ from the request.",
            {**issued, **members},
            required=("client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri"),
        ),
    }


_KINDS: Mapping[Kind, JsonObject] = {
    Kind.TEXT: STRING,
    Kind.WORDS: {"type": "array", "items": STRING},
    Kind.LINES: {"type": "array", "items": STRING},
    Kind.FLAG: {"type": "boolean"},
    Kind.NUMBER: {"type": "integer", "minimum": 0},
    Kind.SECONDS: {"type": "integer", "minimum": 1},
    Kind.JSON: {"type": "object"},
}


def _requests(server: Server) -> JsonObject:
    asked = authorization_parameters(server)
    token: dict[str, JsonObject] = {
        "csrfmiddlewaretoken": {"type": "string", "description": "Django's CSRF token, from the page."}
    }
    return {
        "TokenRequest": {"oneOf": [_token_request(each, server) for each in server.grant_types]},
        "RevocationRequest": _object(
            "RFC 7009 section 2.1.",
            {"token": STRING, "token_type_hint": {"type": "string", "description": "Accepted and ignored."}, **CLIENT},
            required=("token",),
            values=STRING,
        ),
        "IntrospectionRequest": _object(
            "RFC 7662 section 2.1.",
            {"token": STRING, "token_type_hint": {"type": "string", "description": "Accepted and ignored."}, **CLIENT},
            required=("token",),
            values=STRING,
        ),
        "AuthorizationRequest": _object(
            "With response_type, an authorization request (OpenID Connect Core section 3.1.2.1). Without it, the "
            "user's decision from our own page.",
            {**asked, "deny": {"type": "string", "description": "Present if the user clicked Deny."}, **token},
            required=("client_id",),
            values=STRING,
        ),
        "Deauthorisation": _object(
            "The app to disconnect.", {"client_id": STRING, **token}, required=("client_id",), values=STRING
        ),
        "ConnectionChange": _object(
            "An app and the number of days until it is disconnected; or a connection to end.",
            {
                "client_id": STRING,
                "ends_in": {"type": "string", "enum": ["1", "7", "30", "never", "keep"]},
                "connection": {"type": "string", "format": "uuid"},
                **token,
            },
            values=STRING,
        ),
        "SignIn": _object(
            "The credentials, and where the browser goes next.",
            {"username": STRING, "password": STRING, "next": STRING, **token},
            required=("username", "password"),
            values=STRING,
        ),
        "EndSession": _object(
            "OpenID Connect RP-Initiated Logout 1.0 section 2. logout is present if the user confirmed it.",
            {
                **dict.fromkeys(
                    ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "logout_hint"),
                    STRING,
                ),
                "logout": STRING,
                **token,
            },
            values=STRING,
        ),
        "SignOut": _object("Only the proof that the form is our own.", token, values=STRING),
    }


def _of_global_revocation() -> dict[str, JsonObject]:
    return {
        "GlobalTokenRevocationRequest": _object(
            "draft-parecki-oauth-global-token-revocation section 3.2.",
            {
                "sub_id": _object(
                    "A subject identifier (RFC 9493 section 3).",
                    {"format": STRING, "iss": STRING, "sub": STRING, "id": STRING, "email": STRING},
                    required=("format",),
                    values=STRING,
                ),
                **CLIENT,
            },
            required=("sub_id",),
        ),
    }


def _introspection() -> JsonObject:
    seconds: JsonObject = {"type": "integer", "description": "Seconds since the epoch."}
    members: dict[str, JsonObject] = {
        "active": {"type": "boolean", "description": "If false, there is no other member."},
        "scope": STRING,
        "client_id": STRING,
        "username": STRING,
        "token_type": {"const": "Bearer"},
        "exp": seconds,
        "iat": seconds,
        "sub": STRING,
        "aud": {"type": ["string", "array"], "items": STRING},
        "iss": URL,
        "jti": STRING,
        "auth_time": seconds,
        "acr": STRING,
    }
    return _object("RFC 7662 section 2.2.", members, required=("active",))


# Parameters of token requests that are more specific than a string.
_PARAMETERS: Mapping[str, JsonObject] = {
    "resource": {**URL, "description": "An API that the token is for. A form may contain it several times (RFC 8707)."},
    "redirect_uri": {**URL, "description": "The same value as in the authorization request, if it had one."},
    "code_verifier": {**CODE_VERIFIER, "description": "Required if the authorization request had a code_challenge."},
}


def _token_request(grant_type: GrantTypeDescription, server: Server) -> JsonObject:
    shapes = {**_PARAMETERS, "scope": scope(server)}
    return _object(
        f"{grant_type.clause}.",
        {
            "grant_type": {"const": grant_type.name},
            **{name: shapes.get(name, STRING) for name in (*grant_type.required, *grant_type.optional)},
            **CLIENT,
        },
        required=("grant_type", *grant_type.required),
        values=STRING,
    )


def _object(
    description: str,
    properties: Mapping[str, JsonObject],
    *,
    required: tuple[str, ...] = (),
    values: JsonObject | None = None,
) -> JsonObject:
    """
    A JSON object.

    Args:
        values: schema of further members, which the server ignores.
    """
    members: JsonObject = {"type": "object", "description": description, "properties": dict(properties)}
    if required:
        members["required"] = list(required)
    return members | ({"additionalProperties": values} if values else {})


def _security_schemes(server: Server) -> JsonObject:
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "An access token of this server (RFC 6750).",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{server.url}/authorise/",
                    "tokenUrl": f"{server.url}/token/",
                    "refreshUrl": f"{server.url}/token/",
                    "scopes": dict(server.scopes),
                },
                "clientCredentials": {"tokenUrl": f"{server.url}/token/", "scopes": dict(server.scopes)},
            },
        },
        "client_secret_basic": {
            "type": "http",
            "scheme": "basic",
            "description": "The client's own credentials, each form-encoded (RFC 6749 section 2.3.1).",
        },
        **(_REGISTRATION_TOKENS if server.has_registration else {}),
        "metrics_secret": {
            "type": "http",
            "scheme": "bearer",
            "description": "The secret of the program that collects the counters.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": server.session_cookie,
            "description": "The session of the signed-in user.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "cookie",
            "name": server.csrf_cookie,
            "description": "Proves, together with csrfmiddlewaretoken, that a form is our own.",
        },
    }


_REGISTRATION_TOKENS: JsonObject = {
    "initial_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Created by the operator. Required unless registration is open (RFC 7591 section 3).",
    },
    "registration_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Issued when the client was registered (RFC 7592 section 3).",
    },
}
