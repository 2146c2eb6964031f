"""OpenAPI path items of all endpoints, and the table of their paths."""

from collections.abc import Callable, Mapping

from ..protocol import introspection
from . import responses, schemas
from .path_item import Operation, PathItem, body, body_in_json, form, parameter
from .schemas import STRING
from .server import JsonObject, Server

_AUTHORISE_ANSWERS: dict[str, JsonObject] = {
    "200": responses.page("The consent page."),
    "302": responses.redirect(
        "To the login page, or to the client with `code` or `error`, `state` and `iss` (RFC 6749 section 4.1.2, RFC 9207)."
    ),
}


def authorise(server: Server) -> PathItem:
    """The authorization endpoint (RFC 6749 section 3.1)."""
    asked = schemas.authorization_parameters(server)
    return PathItem.for_people(
        get=Operation(
            id="authorise",
            summary="Make an authorization request (RFC 6749 section 4.1.1).",
            parameters=tuple(
                parameter(name, schema, str(schema.get("description", "")), required=name in _AUTHORISE_REQUIRED)
                for name, schema in asked.items()
            ),
            responses={**_AUTHORISE_ANSWERS, **responses.UNREADABLE},
            security=({"session": []}, {}),
        ),
        post=Operation(
            id="authorise_by_post",
            summary="Send the user's decision; or, with response_type, make an authorization request.",
            body=body("AuthorizationRequest"),
            responses={**_AUTHORISE_ANSWERS, **responses.UNREADABLE_BODY, **responses.NOT_OUR_FORM},
            security=({"session": [], "csrf": []}, {}),
        ),
    )


_AUTHORISE_REQUIRED = frozenset({"response_type", "client_id"})


def token(server: Server) -> PathItem:
    """The token endpoint (RFC 6749 section 3.2)."""
    return PathItem.for_programs(
        post=Operation(
            id="token",
            summary="Get an access token (RFC 6749 section 3.2).",
            body=body("TokenRequest"),
            responses={
                "200": responses.in_json("The tokens.", "Tokens"),
                "400": responses.refusal(
                    "The request is refused (RFC 6749 section 5.2).",
                    "invalid_request",
                    "invalid_grant",
                    "invalid_scope",
                    "invalid_target",
                    "unauthorized_client",
                    "unsupported_grant_type",
                    *(_OF_POLLS if server.has_devices else ()),
                ),
                "401": responses.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )


_OF_POLLS = ("authorization_pending", "slow_down", "access_denied", "expired_token")


def device_authorization(_: Server) -> PathItem:
    """The device authorization endpoint (RFC 8628 section 3.1)."""
    return PathItem.for_programs(
        post=Operation(
            id="device_authorization",
            summary="Start to connect a device (RFC 8628 section 3.1).",
            body=body("DeviceAuthorizationRequest"),
            responses={
                "200": responses.in_json(
                    "The code that the device shows, and the code that it polls with.", "DeviceAuthorization"
                ),
                "400": responses.refusal(
                    "The request is refused.", "invalid_request", "invalid_scope", "unauthorized_client"
                ),
                "401": responses.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )


def device(_: Server) -> PathItem:
    """Page where a user connects a device (RFC 8628 section 3.3)."""
    both: dict[str, JsonObject] = {
        "200": responses.page(
            "The page asks the user to enter the code, compare it, or allow the device; or it shows the result."
        ),
        "302": responses.redirect("To the login page."),
    }
    too_many = responses.page("Too many wrong codes.", headers={"Retry-After": responses.RETRY_AFTER})
    user_code = parameter("user_code", STRING, "The code that the device shows (verification_uri_complete).")
    return PathItem.for_people(
        get=Operation(
            id="device",
            summary="Show the page where a user enters the code of a device.",
            parameters=(user_code,),
            responses={**both, **responses.UNREADABLE},
            security=({"session": []},),
        ),
        post=Operation(
            id="device_by_form",
            summary="Send the code, or the user's decision.",
            body=body("DeviceDecision"),
            responses={**both, "429": too_many, **responses.UNREADABLE_BODY, **responses.NOT_OUR_FORM},
            security=({"session": [], "csrf": []},),
        ),
    )


# A request without a token gets no error code (RFC 6750 section 3.1).
_USERINFO_REFUSALS = {
    "400": responses.refusal(
        "The server cannot read the token from the request.", "invalid_request", challenge="Bearer"
    ),
    "401": responses.refusal("The access token is missing or not valid.", "invalid_token", challenge="Bearer"),
    "403": responses.refusal("The token has neither scope, or has no user.", "insufficient_scope", challenge="Bearer"),
}


def userinfo(_: Server) -> PathItem:
    """UserInfo endpoint (OpenID Connect Core section 5.3)."""
    claims = Operation(
        summary="Get the claims about the user of the access token.",
        responses={"200": responses.in_json("The claims.", "Claims"), **_USERINFO_REFUSALS, **responses.FAILURE},
        security=({"oauth2": []},),
    )
    return PathItem.for_programs(get=claims.with_id("userinfo"), post=claims.with_id("userinfo_by_post"))


def revoke(_: Server) -> PathItem:
    """Token revocation (RFC 7009)."""
    return PathItem.for_programs(
        post=Operation(
            id="revoke",
            summary="Revoke an access token alone, or a refresh token together with its connection.",
            body=body("RevocationRequest"),
            responses={
                "200": responses.empty("The token is no longer valid, if it ever was (RFC 7009 section 2.2)."),
                "400": responses.refusal("The request is refused.", "invalid_request"),
                "401": responses.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )


def introspect(_: Server) -> PathItem:
    """Token introspection (RFC 7662)."""
    return PathItem.for_programs(
        post=Operation(
            id="introspect",
            summary="Ask about a token of this client, or about a token for one of its APIs.",
            body=body("IntrospectionRequest"),
            responses={
                "200": responses.in_json(
                    "What the token is valid for (RFC 7662 section 2.2). Signed if Accept asks for that (RFC 9701).",
                    "Introspection",
                    besides=introspection.MEDIA_TYPE,
                ),
                "400": responses.refusal("The request is refused.", "invalid_request"),
                "401": responses.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                "404": responses.empty("Introspection is off."),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )


def global_token_revocation(_: Server) -> PathItem:
    """Global token revocation (draft-parecki-oauth-global-token-revocation)."""
    return PathItem.for_programs(
        post=Operation(
            id="global_token_revocation",
            summary="End every connection, code and session of a user.",
            body=body_in_json("GlobalTokenRevocationRequest"),
            responses={
                "204": responses.empty("The user's connections, codes and sessions have ended, if there were any."),
                "400": responses.refusal("The request is refused.", "invalid_request"),
                "401": responses.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                "403": responses.refusal("The client does not have this permission.", "unauthorized_client"),
                "404": responses.refusal("There is no such user.", "user_not_found"),
                "422": responses.refusal("The user cannot be signed out.", "sign_out_failed"),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )


def deauthorise(_: Server) -> PathItem:
    """Page action: disconnect an app."""
    return PathItem.for_people(
        post=Operation(
            id="deauthorise",
            summary="End the consent, all pending codes and all connections of this user and app.",
            body=body("Deauthorisation"),
            responses={
                "302": responses.redirect("To the connected apps, or to the login page first."),
                **responses.UNREADABLE_BODY,
                **responses.NOT_OUR_FORM,
            },
            security=({"session": [], "csrf": []},),
        )
    )


def end_session(_: Server) -> PathItem:
    """Sign-out that a client asks for (OpenID Connect RP-Initiated Logout 1.0)."""
    both: dict[str, JsonObject] = {
        "200": responses.page("The page asks the user, or says that they are signed out."),
        "302": responses.redirect("To the URL that the client registered."),
        "404": {"description": "This server is not an OpenID Provider."},
        **responses.UNREADABLE_BODY,
    }
    names = {
        "id_token_hint": "An ID token that was issued to the client.",
        "client_id": "The client that sends the user.",
        "post_logout_redirect_uri": "Exactly as registered, character by character.",
        "state": "The redirect contains it unchanged.",
    }
    return PathItem.for_people(
        get=Operation(
            id="end_session",
            summary="Sign the user out at the request of a client.",
            parameters=tuple(parameter(name, STRING, words) for name, words in names.items()),
            responses=both,
            security=({"session": []}, {}),
        ),
        post=Operation(
            id="end_session_by_post",
            summary="The same as GET; or, with logout, send the user's decision.",
            body=body("EndSession"),
            responses={**both, **responses.NOT_OUR_FORM},
            security=({"session": [], "csrf": []}, {}),
        ),
    )


def openid_configuration(_: Server) -> PathItem:
    """Metadata of an OpenID Provider (OpenID Connect Discovery 1.0)."""
    answered = _METADATA.with_responses({"404": responses.empty("This server is not an OpenID Provider.")})
    return PathItem.for_programs(get=answered.with_id("openid_configuration"))


def openid_configuration_of_issuer(_: Server) -> PathItem:
    """The same metadata at the address that RFC 8414 section 5 gives it if the issuer has a path."""
    answered = _METADATA.with_responses({"404": responses.empty("No OpenID Provider with this path.")})
    return PathItem.for_programs(get=answered.with_id("openid_configuration_of_issuer")).with_path_parameter(
        "issuer_path", "The path of the issuer, including slashes."
    )


def protected_resource(_: Server) -> PathItem:
    """Metadata of the API of this host (RFC 9728)."""
    return PathItem.for_programs(get=_RESOURCE_METADATA.with_id("protected_resource"))


def protected_resource_at_path(_: Server) -> PathItem:
    """The same for an API whose identifier has a path (RFC 9728 section 3.1)."""
    return PathItem.for_programs(get=_RESOURCE_METADATA.with_id("protected_resource_at_path")).with_path_parameter(
        "resource_path", "The path of the API's identifier, including slashes."
    )


def manage_apps(_: Server) -> PathItem:
    """Page with the apps that the user has connected."""
    return PathItem.for_people(
        get=Operation(
            id="manage_apps",
            summary="Show the connected apps, or ask whether to revoke the access of one of them.",
            parameters=(
                parameter("client_id", STRING, "Ask whether to revoke the access of this app."),
                parameter("connection", STRING, "Ask whether to end this one connection of an app."),
            ),
            responses={
                "200": responses.page("The connected apps, or the question."),
                "302": responses.redirect("To the login page, or to the connected apps if there is nothing to end."),
                **responses.UNREADABLE,
            },
            security=({"session": []},),
        ),
        post=Operation(
            id="change_connection",
            summary="Choose when an app is disconnected, or end one of its connections.",
            body=body("ConnectionChange"),
            responses={
                "302": responses.redirect("To the connected apps, or to the login page first."),
                **responses.UNREADABLE_BODY,
                **responses.NOT_OUR_FORM,
            },
            security=({"session": [], "csrf": []},),
        ),
    )


_LOGIN_ANSWERS: dict[str, JsonObject] = {
    "200": responses.page("The login page, with the errors of a submitted form."),
    "302": responses.redirect("Signed in: to `next`. Or to `LOGIN_URL`, if the project has another login page."),
}

_LOGIN_TOO_MANY = responses.page(
    "The login page again: too many failed attempts.", headers={"Retry-After": responses.RETRY_AFTER}
)


def login(_: Server) -> PathItem:
    """Sign-in page."""
    onward = parameter("next", STRING, "The URL of this server to go to after that.")
    return PathItem.for_people(
        get=Operation(
            id="login",
            summary="Show the login page.",
            parameters=(onward,),
            responses={**_LOGIN_ANSWERS, **responses.UNREADABLE},
            security=({"session": []}, {}),
        ),
        post=Operation(
            id="login_by_form",
            summary="Sign in.",
            parameters=(onward,),
            body=form("SignIn"),
            responses={**_LOGIN_ANSWERS, "429": _LOGIN_TOO_MANY, **responses.UNREADABLE, **responses.NOT_OUR_FORM},
            security=({"csrf": []},),
        ),
    )


def logout(_: Server) -> PathItem:
    """Sign-out."""
    return PathItem.for_people(
        post=Operation(
            id="logout",
            summary="End the session on this server. Connected apps stay connected.",
            body=form("SignOut"),
            responses={
                "302": responses.redirect("To the page that says so."),
                **responses.UNREADABLE,
                **responses.NOT_OUR_FORM,
            },
            security=({"session": [], "csrf": []}, {"csrf": []}),
        )
    )


def signed_out(_: Server) -> PathItem:
    """Page after signing out."""
    return PathItem.for_people(
        get=Operation(
            id="signed_out",
            summary="Show the page that says that the session has ended.",
            responses={"200": responses.page("The page."), **responses.UNREADABLE},
        )
    )


_RESOURCE_METADATA = Operation(
    summary="Describe an API to clients: its scopes, and which servers issue tokens for it.",
    responses={
        "200": responses.in_json("The metadata.", "ResourceMetadata", kept=True),
        "404": responses.empty("No API is registered with this identifier, or it was switched off."),
        **responses.FAILURE,
    },
)
_METADATA = Operation(
    summary="Describe this server to clients that configure themselves.",
    responses={
        "200": responses.in_json(
            "The metadata.",
            "Metadata",
            headers={"Link": responses.header("The URL of this description (RFC 8631).", pattern='rel="service-desc"')},
            kept=True,
        ),
        **responses.FAILURE,
    },
)


def discovery(_: Server) -> PathItem:
    """Authorization server metadata (RFC 8414)."""
    return PathItem.for_programs(get=_METADATA.with_id("discovery"))


def discovery_of_issuer(_: Server) -> PathItem:
    """The same metadata for an issuer with a path (RFC 8414 section 3.1)."""
    answered = _METADATA.with_responses({"404": responses.empty("No issuer with this path.")})
    return PathItem.for_programs(get=answered.with_id("discovery_of_issuer")).with_path_parameter(
        "issuer_path", "The path of the issuer, including slashes."
    )


def jwks(_: Server) -> PathItem:
    """The public keys (RFC 7517 section 5)."""
    return PathItem.for_programs(
        get=Operation(
            id="jwks",
            summary="Get the public keys that verify the ID tokens and JWT access tokens of this server.",
            responses={
                "200": responses.in_json("The key set.", "KeySet", kept=True),
                "404": responses.empty("OpenID Connect is off: openid is not one of the scopes."),
                **responses.FAILURE,
            },
        )
    )


def healthz(_: Server) -> PathItem:
    """Liveness of the process."""
    return PathItem.for_programs(
        get=Operation(
            id="healthz",
            summary="Check that this process is alive. Its dependencies are not checked.",
            responses={"200": responses.in_json("The process is alive.", "Health"), **responses.FAILURE},
        )
    )


def readyz(_: Server) -> PathItem:
    """Readiness of the process to do its work."""
    return PathItem.for_programs(
        get=Operation(
            id="readyz",
            summary="Check that this process can work: it has the database, migrations and keys.",
            responses={
                **responses.FAILURE,
                "200": responses.in_json("The process can work.", "Health"),
                "503": responses.in_json("Something is missing. The response says what.", "Health"),
            },
        )
    )


def metrics(_: Server) -> PathItem:
    """Metrics, for clients that the settings admit."""
    counters = Operation(
        summary="Get the counters for Prometheus.",
        responses={
            "200": {
                "description": "The counters.",
                "headers": {"Cache-Control": responses.NOT_STORED},
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "401": {
                "description": "The request has no valid OAUTH_SERVICE_METRICS_SECRET.",
                "headers": {"WWW-Authenticate": responses.header("How to authenticate.", const="Bearer")},
            },
            "404": {"description": "Metrics are off, or not available to this address."},
        },
        security=({"metrics_secret": []}, {}),
    )
    options = Operation(
        summary="List the supported methods.",
        responses={"200": {"description": "No content.", "headers": {"Allow": responses.ALLOW}}},
    )
    return PathItem(operations={"get": counters.with_id("metrics"), "head": counters.as_head(), "options": options})


def openapi(_: Server) -> PathItem:
    """The OpenAPI description itself."""
    return PathItem.for_programs(
        get=Operation(
            id="openapi",
            summary="Get this description.",
            responses={"200": responses.in_json("The description.", "Description", kept=True), **responses.FAILURE},
        )
    )


def logo(_: Server) -> PathItem:
    """Logo of a client."""
    drawn = Operation(
        id="logo",
        summary="Get the logo of a client, which this server has redrawn.",
        responses={
            "200": {
                "description": "The logo as PNG.",
                "headers": {"Access-Control-Allow-Origin": responses.ANY_ORIGIN},
                "content": {"image/png": {"schema": {"type": "string", "contentEncoding": "base64"}}},
            },
            "404": responses.empty("The client has no logo."),
            **responses.FAILURE,
        },
    )
    return PathItem.for_programs(get=drawn).with_path_parameter("client_id", "The client.")


_REGISTERED = responses.in_json("The registration.", "Registered")
_NOT_REGISTERED = responses.refusal(
    "The registration is refused (RFC 7591 section 3.2.2), or malformed.",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "invalid_software_statement",
    "unapproved_software_statement",
    "invalid_request",
)


def register(_: Server) -> PathItem:
    """The client registration endpoint (RFC 7591 section 3)."""
    return PathItem.for_programs(
        post=Operation(
            id="register",
            summary="Register a client (RFC 7591 section 3.1).",
            body=body_in_json("ClientMetadata"),
            responses={
                "201": _REGISTERED,
                "400": _NOT_REGISTERED,
                "401": responses.refusal(
                    "The initial access token is missing or not valid.", "invalid_token", challenge="Bearer"
                ),
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
                **responses.FAILURE,
            },
            security=({"initial_access_token": []}, {}),
        )
    )


_NOT_ITS_OWN: Mapping[str, JsonObject] = {
    "400": responses.refusal(
        "The server cannot read the token from the request.", "invalid_request", challenge="Bearer"
    ),
    "401": responses.refusal(
        "The request does not have the client's registration access token.", "invalid_token", challenge="Bearer"
    ),
    "403": responses.refusal("The operator has switched the client off.", "access_denied"),
    **responses.FAILURE,
}


def registration(_: Server) -> PathItem:
    """The client configuration endpoint (RFC 7592 section 2)."""
    security: tuple[JsonObject, ...] = ({"registration_access_token": []},)
    return PathItem.for_programs(
        get=Operation(
            id="registration",
            summary="Read the registration (RFC 7592 section 2.1).",
            responses={"200": _REGISTERED, **_NOT_ITS_OWN},
            security=security,
        ),
        put=Operation(
            id="replace_registration",
            summary="Replace the registration and keep the client_id (RFC 7592 section 2.2).",
            body=body_in_json("ClientMetadata"),
            responses={
                "200": _REGISTERED,
                **_NOT_ITS_OWN,
                "400": _NOT_REGISTERED,
                **responses.TOO_LONG,
                **responses.TOO_MANY_FAILURES,
            },
            security=security,
        ),
        delete=Operation(
            id="end_registration",
            summary="Delete the client and all its tokens (RFC 7592 section 2.3).",
            responses={"204": responses.empty("The client is deleted."), **_NOT_ITS_OWN},
            security=security,
        ),
    ).with_segment_parameter("client_id", "The client.")


PATHS: Mapping[str, Callable[[Server], PathItem]] = {
    "/authorise/": authorise,
    "/token/": token,
    "/device-authorization/": device_authorization,
    "/device/": device,
    "/userinfo/": userinfo,
    "/oauth/revoke/": revoke,
    "/introspect/": introspect,
    "/register/": register,
    "/register/{client_id}/": registration,
    "/global-token-revocation/": global_token_revocation,
    "/oauth/deauthorise/": deauthorise,
    "/oauth/logout/": end_session,
    "/oauth/logo/{client_id}": logo,
    "/manage-apps/": manage_apps,
    "/login/": login,
    "/logout/": logout,
    "/signed-out/": signed_out,
    "/.well-known/oauth-authorization-server": discovery,
    "/.well-known/oauth-authorization-server/{issuer_path}": discovery_of_issuer,
    "/.well-known/openid-configuration": openid_configuration,
    "/.well-known/openid-configuration/{issuer_path}": openid_configuration_of_issuer,
    "/.well-known/oauth-protected-resource": protected_resource,
    "/.well-known/oauth-protected-resource/{resource_path}": protected_resource_at_path,
    "/jwks/": jwks,
    "/healthz/": healthz,
    "/readyz/": readyz,
    "/metrics/": metrics,
    "/openapi.json": openapi,
}


def paths_of(server: Server) -> Mapping[str, Callable[[Server], PathItem]]:
    """Paths that this server has."""
    absent: set[Callable[[Server], PathItem]] = set()
    if not server.has_devices:
        absent |= {device, device_authorization}
    if not server.has_registration:
        absent |= {register, registration}
    if not server.has_global_revocation:
        absent.add(global_token_revocation)
    return {path: described for path, described in PATHS.items() if described not in absent}
