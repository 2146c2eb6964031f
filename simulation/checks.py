"""Checks of the server's responses that several steps share."""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from simulation.exchange import Exchange
from simulation.masking import shorten
from simulation.script import Script
from simulation.stage import Stage

TOKEN_MEMBERS = {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
TEXT_CLAIMS = ("sub", "username", "email", "name", "given_name", "family_name", "preferred_username")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A pair of tokens, as it was issued."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def answers(stage: Stage, step: int, exchange: Exchange, status: int, reason: str) -> None:
    """Check the status code."""
    came = f"{exchange.status} {exchange.reason}"
    stage.check(step, exchange.status == status, expected=f"{status} {reason}", actual=came + _told_error(exchange))


def asks_for_a_code(stage: Stage, step: int, exchange: Exchange, script: Script) -> None:
    """Check that the app's own request is the guide's, with its own state and PKCE (RFC 6749 4.1.1, RFC 7636 4.3)."""
    answers(stage, step, exchange, 302, "Found")
    target, _, query = exchange.header("Location").partition("?")
    endpoint = f"{script.server_url}/authorise/"
    stage.check(step, target.rstrip("/") + "/" == endpoint, expected=f"Location: {endpoint}?...", actual=target)
    asked = dict(parse_qsl(query))
    ours = {"response_type": "code", **dict(script.request), "code_challenge_method": "S256"}
    for name in ("response_type", "client_id", "redirect_uri", "scope", "code_challenge_method"):
        stage.check(
            step,
            asked.get(name) == ours[name],
            expected=f"the app asks with {name}={ours[name]}",
            actual=asked.get(name),
        )
    for name in ("state", "code_challenge"):
        stage.check(step, name in asked, expected=f"the app sends a {name} of its own", actual=f"no {name}")


def redirects_with_a_code(stage: Stage, step: int, exchange: Exchange, script: Script) -> str:
    """Check that the redirect to the app has code, state and iss only (RFC 6749 4.1.2, RFC 9207 2); return the code."""
    answers(stage, step, exchange, 302, "Found")
    target, _, answer = exchange.header("Location").partition("&" if "?" in script.redirect_uri else "?")
    stage.check(step, target == script.redirect_uri, expected=f"Location: {script.redirect_uri}?...", actual=target)
    pairs = parse_qsl(answer, keep_blank_values=True)
    parameters = dict(pairs)
    stage.check(
        step,
        sorted(name for name, _ in pairs) == ["code", "iss", "state"],
        expected="code, state and iss, once each",
        actual=", ".join(name for name, _ in pairs) or "no parameters",
    )
    state, issuer = parameters["state"], parameters["iss"]
    stage.check(step, state == script.state, expected=f"state is {script.state}, as it was sent", actual=state)
    stage.check(step, issuer == script.server_url, expected=f"iss is {script.server_url}", actual=issuer)
    stage.check(step, bool(parameters["code"]), expected="a code that is not empty", actual="an empty code")
    return parameters["code"]


def issues_tokens(stage: Stage, step: int, exchange: Exchange, script: Script) -> Tokens:
    """Check that the token response is exactly the guide's (RFC 6749 section 5.1)."""
    answers(stage, step, exchange, 200, "OK")
    is_not_cached(stage, step, exchange)
    members = json_object(stage, step, exchange)
    stage.check(
        step,
        set(members) == TOKEN_MEMBERS,
        expected="exactly access_token, token_type, expires_in, refresh_token, scope",
        actual=", ".join(members) or "no members",
    )
    access_token = _token(stage, step, members, "access_token", "AT_")
    refresh_token = _token(stage, step, members, "refresh_token", "RT_")
    kind, seconds, scope = members["token_type"], members["expires_in"], members["scope"]
    stage.check(step, kind == "Bearer", expected='token_type is "Bearer"', actual=json.dumps(kind))
    whole = type(seconds) is int and seconds == 3600
    stage.check(step, whole, expected="expires_in is the number 3600", actual=json.dumps(seconds))
    stage.check(step, scope == script.scope, expected=f'scope is "{script.scope}"', actual=json.dumps(scope))
    return Tokens(access_token=access_token, refresh_token=refresh_token)


def tells_about_alice(stage: Stage, step: int, exchange: Exchange, script: Script) -> None:
    """Check the claims that the scopes user and profile give access to."""
    answers(stage, step, exchange, 200, "OK")
    claims = json_object(stage, step, exchange)
    wrong = [name for name in TEXT_CLAIMS if not isinstance(claims.get(name), str)]
    stage.check(
        step,
        not wrong,
        expected=f"{', '.join(TEXT_CLAIMS)} are strings",
        actual=", ".join(_kind(claims, n) for n in wrong),
    )
    stage.check(step, claims["sub"] != "", expected="sub is not empty", actual='""')
    updated_at = claims.get("updated_at")
    stage.check(
        step,
        isinstance(updated_at, int | float) and not isinstance(updated_at, bool),
        expected="updated_at is a number of seconds",
        actual=_kind(claims, "updated_at"),
    )
    for name in ("username", "preferred_username"):
        who = claims[name]
        stage.check(step, who == script.username, expected=f"{name} is {script.username}", actual=who)


def refuses_access(stage: Stage, step: int, exchange: Exchange, *, error: str) -> None:
    """Check for a 401 with a Bearer challenge, which names the error unless no token was sent (RFC 6750 section 3)."""
    answers(stage, step, exchange, 401, "Unauthorized")
    challenge = exchange.header("WWW-Authenticate")
    named = f'error="{error}"' in challenge if error else "error=" not in challenge
    expected = (
        f'WWW-Authenticate: Bearer with error="{error}"' if error else "WWW-Authenticate: Bearer without an error"
    )
    stage.check(
        step, challenge.split(" ")[0] == "Bearer" and named, expected=expected, actual=challenge or "no challenge"
    )


def refuses_grant(stage: Stage, step: int, exchange: Exchange) -> None:
    """Check for a 400 invalid_grant that is not cached (RFC 6749 section 5.2)."""
    refuses(stage, step, exchange, error="invalid_grant")


def refuses(stage: Stage, step: int, exchange: Exchange, *, error: str) -> None:
    """Check for a 400 with an error code that is not cached (RFC 6749 section 5.2)."""
    answers(stage, step, exchange, 400, "Bad Request")
    is_not_cached(stage, step, exchange)
    came = json_object(stage, step, exchange).get("error")
    stage.check(step, came == error, expected=f'error is "{error}"', actual=json.dumps(came))


def refuses_client(stage: Stage, step: int, exchange: Exchange) -> None:
    """Check for a 401 invalid_client with a Basic challenge (RFC 6749 section 5.2)."""
    answers(stage, step, exchange, 401, "Unauthorized")
    is_not_cached(stage, step, exchange)
    came = json_object(stage, step, exchange).get("error")
    stage.check(step, came == "invalid_client", expected='error is "invalid_client"', actual=json.dumps(came))
    challenge = exchange.header("WWW-Authenticate")
    stage.check(
        step, challenge.startswith("Basic "), expected="WWW-Authenticate: Basic", actual=challenge or "no challenge"
    )


def issues_access_token(
    stage: Stage, step: int, exchange: Exchange, *, scope: str, more: frozenset[str] = frozenset()
) -> dict[str, object]:
    """
    Check a token response (RFC 6749 section 5.1).

    Args:
        scope: the scope that it must have, in any order.
        more: members in addition to access_token, token_type, expires_in and scope.

    Returns:
        its members.
    """
    answers(stage, step, exchange, 200, "OK")
    is_not_cached(stage, step, exchange)
    members = json_object(stage, step, exchange)
    wanted = ["access_token", "token_type", "expires_in", "scope", *sorted(more)]
    has_exactly(stage, step, members, wanted)
    _token(stage, step, members, "access_token", "AT_")
    if "refresh_token" in more:
        _token(stage, step, members, "refresh_token", "RT_")
    kind, seconds = members["token_type"], members["expires_in"]
    stage.check(step, kind == "Bearer", expected='token_type is "Bearer"', actual=json.dumps(kind))
    whole = type(seconds) is int and seconds > 0
    stage.check(step, whole, expected="expires_in is a whole number of seconds", actual=json.dumps(seconds))
    is_scope(stage, step, members, scope)
    return members


def has_exactly(stage: Stage, step: int, members: dict[str, object], wanted: list[str]) -> None:
    """Check that a JSON object has these members and no others."""
    exactly = set(members) == set(wanted)
    stage.check(step, exactly, expected=f"exactly {', '.join(wanted)}", actual=", ".join(members) or "no members")


def is_scope(stage: Stage, step: int, members: dict[str, object], scope: str) -> None:
    """Check the member scope; its order has no meaning (RFC 6749 section 3.3)."""
    came = members["scope"]
    same = isinstance(came, str) and sorted(came.split()) == sorted(scope.split())
    stage.check(step, same, expected=f'scope is "{scope}"', actual=json.dumps(came))


def is_inactive(stage: Stage, step: int, exchange: Exchange) -> None:
    """Check for an introspection response that reveals nothing (RFC 7662 section 2.2)."""
    answers(stage, step, exchange, 200, "OK")
    is_not_cached(stage, step, exchange)
    members = json_object(stage, step, exchange)
    stage.check(
        step, members == {"active": False}, expected='exactly {"active": false}', actual=", ".join(members) or "{}"
    )


def is_active(stage: Stage, step: int, exchange: Exchange, **expected: object) -> dict[str, object]:
    """
    Check an introspection response about an active token (RFC 7662 section 2.2).

    Args:
        expected: members and their values.

    Returns:
        all of its members.
    """
    answers(stage, step, exchange, 200, "OK")
    is_not_cached(stage, step, exchange)
    members = json_object(stage, step, exchange)
    came = members.get("active")
    stage.check(step, came is True, expected="active is true", actual=json.dumps(came))
    for name, value in expected.items():
        came = members.get(name)
        stage.check(step, came == value, expected=f"{name} is {json.dumps(value)}", actual=json.dumps(came))
    return members


def is_not_cached(stage: Stage, step: int, exchange: Exchange) -> None:
    """Check for Cache-Control: no-store (RFC 6749 section 5.1)."""
    cache_control = exchange.header("Cache-Control")
    directives = {directive.strip().lower() for directive in cache_control.split(",")}
    stage.check(
        step, "no-store" in directives, expected="Cache-Control: no-store", actual=cache_control or "no Cache-Control"
    )


def json_object(stage: Stage, step: int, exchange: Exchange) -> dict[str, object]:
    """Check that the response is a JSON object with the right Content-Type; return the object."""
    content_type = exchange.header("Content-Type")
    is_json = content_type.partition(";")[0].strip().lower() == "application/json"
    stage.check(step, is_json, expected="Content-Type: application/json", actual=content_type or "no Content-Type")
    try:
        body = json.loads(exchange.response_body)
    except ValueError:
        body = None
    stage.check(step, isinstance(body, dict), expected="the body is a JSON object", actual=exchange.response_body[:80])
    members: dict[str, object] = body
    return members


def _token(stage: Stage, step: int, members: dict[str, object], name: str, prefix: str) -> str:
    token = members[name]
    held = isinstance(token, str) and token.startswith(prefix) and len(token) > len(prefix)
    came = f'"{shorten(token)}"' if isinstance(token, str) else _kind(members, name)
    stage.check(step, held, expected=f"{name} begins with {prefix}", actual=came)
    return str(token)


def _kind(members: dict[str, object], name: str) -> str:
    return f"{name} is a JSON {type(members[name]).__name__}" if name in members else f"no {name}"


def _told_error(exchange: Exchange) -> str:
    """The server's error code and description, to be shown behind the status code."""
    try:
        told = json.loads(exchange.response_body)
    except ValueError:
        return ""
    if not isinstance(told, dict) or "error" not in told:
        return ""
    return f" ({told['error']}: {told.get('error_description', 'no description')})"
