"""Contents of components/schemas and components/securitySchemes."""

from collections.abc import Mapping

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
    "client_id": {"type": "string", "description": "Unless it stands in the Authorization header."},
    "client_secret": {"type": "string", "description": "Of a confidential client that does not use HTTP Basic."},
    "client_assertion_type": {
        "enum": [client_assertion.ASSERTION_TYPE],
        "description": "Of a client that is registered for private_key_jwt or client_secret_jwt (RFC 7521 section 4.2).",
    },
    "client_assertion": {
        "type": "string",
        "description": "A JWT of the client, with its signature or its MAC (RFC 7523 section 2.2).",
    },
}


def scope(server: Server) -> JsonObject:
    """A scope parameter."""
    words = "|".join(server.scopes)
    lines = [f"- `{name}`: {meaning}" for name, meaning in server.scopes.items()]
    return {
        "type": "string",
        "description": "\n".join(["Space-delimited; all that the client may have if it is left out.", *lines]),
        "examples": [" ".join(server.scopes)],
        "pattern": f"^({words})( ({words}))*$",
    }


def authorization_parameters(server: Server) -> dict[str, JsonObject]:
    """The parameters of an authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    return {
        "response_type": {
            "enum": list(authorization_request.RESPONSE_TYPES),
            "description": "The implicit and hybrid flows are not there.",
        },
        "response_mode": {
            "enum": list(reply_to.RESPONSE_MODES),
            "description": "How the answer travels; any other is refused.",
        },
        "client_id": {"type": "string", "description": "Of the client that asks."},
        "redirect_uri": {**URL, "description": "As it is registered, character by character."},
        "scope": scope(server),
        "state": {"type": "string", "description": "Comes back with the answer (RFC 6749 section 10.12)."},
        "code_challenge": {
            **CODE_CHALLENGE,
            "description": "BASE64URL(SHA-256(code_verifier)); public clients always need one (RFC 7636).",
        },
        "code_challenge_method": {
            "enum": list(pkce.METHODS),
            "description": "Goes with code_challenge; plain is refused.",
        },
    }


def components(server: Server) -> JsonObject:
    """The Components Object."""
    return {"schemas": _schemas(server), "securitySchemes": _security_schemes(server)}


def _schemas(server: Server) -> JsonObject:
    return {
        "Refusal": _object(
            "What went wrong, for the developer; docs/errors.md says what to do about each sentence.",
            {
                "error": {"type": "string", "description": "Absent where an access token is missing altogether."},
                "error_description": {"type": "string", "description": "A constant sentence in ASCII."},
                "reference": {"type": "string", "description": "The log of the server has the exact reason under it."},
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
            "What the scope of the access token covers; a project can tell more.",
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
            },
            required=("resource", "authorization_servers"),
        ),
        "KeySet": _object(
            "RFC 7517 section 5.",
            {
                "keys": {
                    "type": "array",
                    "items": _object(
                        "A public key; its other members are those of its kty.",
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
            "How it is, and what is missing if it is not well.",
            {
                "status": {"enum": ["alive", "ready", "unavailable"]},
                "missing": {"type": "array", "items": {"enum": ["keys", "database", "migrations"]}},
                "same_settings": {"type": "object", "description": "For manage.py oauth_doctor alone."},
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
            "The code alone, or with it what the person decides.",
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
        "client_secret": {"type": "string", "description": "Told once."},
        "client_id_issued_at": {"type": "integer", "description": "Seconds since the epoch."},
        "client_secret_expires_at": {"const": 0, "description": "Never."},
        "registration_access_token": {"type": "string", "pattern": "^RAT_"},
        "registration_client_uri": URL,
    }
    return {
        "ClientMetadata": _object(
            "RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2. What is not known is ignored; the "
            "names and links for people may have a language tag, such as client_name#de.",
            members,
        ),
        "Registered": _object(
            "RFC 7591 section 3.2.1: what was registered, which may differ from what was sent.",
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
        "csrfmiddlewaretoken": {"type": "string", "description": "Django's, from the page."}
    }
    return {
        "TokenRequest": {"oneOf": [_token_request(each, server) for each in server.grant_types]},
        "RevocationRequest": _object(
            "RFC 7009 section 2.1.",
            {"token": STRING, "token_type_hint": {"type": "string", "description": "Not needed."}, **CLIENT},
            required=("token",),
            values=STRING,
        ),
        "IntrospectionRequest": _object(
            "RFC 7662 section 2.1.",
            {"token": STRING, "token_type_hint": {"type": "string", "description": "Not needed."}, **CLIENT},
            required=("token",),
            values=STRING,
        ),
        "AuthorizationRequest": _object(
            "With response_type an authorization request (OpenID Connect Core section 3.1.2.1); without it the answer "
            "of the person, from our own page.",
            {**asked, "deny": {"type": "string", "description": "There if the person said no."}, **token},
            required=("client_id",),
            values=STRING,
        ),
        "Deauthorisation": _object(
            "The app to cut off.", {"client_id": STRING, **token}, required=("client_id",), values=STRING
        ),
        "ConnectionChange": _object(
            "An app and after how many days it is disconnected, or never; or one connection, to end it.",
            {
                "client_id": STRING,
                "ends_in": {"type": "string", "enum": ["1", "7", "30", "never", "keep"]},
                "connection": {"type": "string", "format": "uuid"},
                **token,
            },
            values=STRING,
        ),
        "SignIn": _object(
            "Who signs in, and where the browser goes then.",
            {"username": STRING, "password": STRING, "next": STRING, **token},
            required=("username", "password"),
            values=STRING,
        ),
        "EndSession": _object(
            "OpenID Connect RP-Initiated Logout 1.0 section 2; logout is there if the person has confirmed it.",
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
        "SignOut": _object("Nothing but the proof that it is our own form.", token, values=STRING),
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
        "active": {"type": "boolean", "description": "If it is false, there is no other member."},
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
    "resource": {**URL, "description": "An API that the token is for; may be sent several times in a form (RFC 8707)."},
    "redirect_uri": {**URL, "description": "The same as in the authorization request, if it had one."},
    "code_verifier": {**CODE_VERIFIER, "description": "If the authorization request had a code_challenge."},
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
        "metrics_secret": {"type": "http", "scheme": "bearer", "description": "Of whoever collects the counters."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": server.session_cookie,
            "description": "The person who is signed in.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "cookie",
            "name": server.csrf_cookie,
            "description": "Proves with csrfmiddlewaretoken that a form is our own.",
        },
    }


_REGISTRATION_TOKENS: JsonObject = {
    "initial_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Made by the operator; needed unless registration is open (RFC 7591 section 3).",
    },
    "registration_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Told when the client was registered (RFC 7592 section 3).",
    },
}
