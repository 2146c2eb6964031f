"""
Rules for the metadata that a client registers (RFC 7591 sections 2 and 3, OpenID Connect Registration 1.0 section 2).

Unknown members are ignored. Values that this server does not support are replaced, and the response shows the replacements
(RFC 7591 section 3.2.1). Only unsafe or meaningless values are refused.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from . import client_assertion, device_code, redirect_uri
from .client_metadata import MEMBERS, SECRET_METHODS, Kind, Member, column_value
from .errors import InvalidClientMetadata, InvalidRedirectURI, InvalidRequest

GRANT_TYPES = ("authorization_code", "refresh_token", device_code.GRANT_TYPE)
"""Grant types that a client can have without the operator: a user decides about each of its connections."""

SOFTWARE_STATEMENT = "software_statement"
MOST_REDIRECT_URIS = 50
MOST_TRANSLATIONS = 50
LONGEST_NAME = 100
MOST_MARKS = 4
"""Marks on one letter of a name: no language needs more, and a pile of them covers the lines above and below."""

LONGEST_SOFTWARE_ID = 255
_LARGEST_NUMBER = 2**31 - 1

OWN_MEMBERS: Mapping[str, Member] = {member.name: member for member in MEMBERS if not member.is_operators}
"""The members that a client registers itself, by name."""
# RFC 7591 section 2.2: a language tag follows the name, after a "#".
_TRANSLATABLE = ("client_name", "client_uri", "policy_uri", "tos_uri")
_TRANSLATION = re.compile(rf"(?P<name>{'|'.join(_TRANSLATABLE)})#(?P<tag>[A-Za-z]{{2,8}}(-[A-Za-z0-9]{{1,8}})*)")
# Direction marks and overrides, which make a name look like another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols without a visible form: fillers of Hangul and Khmer, a Mongolian separator, an empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0")
# These join the letters of some languages, and the parts of some emoji. All other format characters are invisible.
_JOINERS = frozenset("\u200c\u200d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    The choices that this server offers to clients.

    Attributes:
        grant_types: those of GRANT_TYPES that are on.
        scope: all that a client may have, and the default if it names none.
        apis: the scopes of each API; a client gets them together.
        algorithms: those that the server signs with, the default first.
        verifies_assertions: True if clients can authenticate with JWTs that they sign.
        can_pair: True if the server can make pairwise subjects.
        is_openid: True if the server is an OpenID Provider.
        requires_pkce: True if confidential web clients need PKCE, too.
    """

    grant_types: tuple[str, ...]
    scope: tuple[str, ...]
    apis: tuple[tuple[str, ...], ...]
    algorithms: tuple[str, ...]
    verifies_assertions: bool
    can_pair: bool
    is_openid: bool
    requires_pkce: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """
    The result of a registration.

    Attributes:
        columns: of the client; missing ones have their default. name is "" if the client has no usable name.
        translations: members with a language tag, such as client_name#de.
    """

    columns: Mapping[str, Any]
    translations: Mapping[str, str]
    software_id: str
    software_version: str


def read(body: bytes) -> dict[str, Any]:
    """
    Read the JSON object of a registration request. Members that are null or "" count as absent.

    Raises:
        InvalidRequest: not a JSON object, a repeated member, or text that a database cannot store.
    """
    try:
        found = json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except UnicodeDecodeError as cause:
        raise InvalidRequest("the body is not valid UTF-8") from cause
    except (ValueError, RecursionError) as cause:
        raise InvalidRequest("the body is not valid JSON") from cause
    if not isinstance(found, dict):
        raise InvalidRequest("the JSON body is not an object")
    if not is_text_throughout(found):
        raise InvalidRequest("a member has a NUL byte, or is not valid Unicode text")
    return {name: value for name, value in found.items() if value is not None and value != ""}


def negotiate(sent: Mapping[str, Any], offer: Offer) -> Registration:
    """
    Decide which metadata is registered.

    Args:
        sent: from read(), with the claims of a software statement merged in.

    Raises:
        InvalidRedirectURI: one is required and missing, or one would be unsafe.
        InvalidClientMetadata: a member has the wrong type, or would be unsafe.
    """
    known = {
        name: _checked(value, OWN_MEMBERS[name])
        for name, value in sent.items()
        if name in OWN_MEMBERS and (offer.is_openid or not OWN_MEMBERS[name].openid)
    }
    uris = _redirect_uris(known.get("redirect_uris", []))
    grant_types = _grant_types(known, offer)
    if not uris and "authorization_code" in grant_types:
        raise InvalidRedirectURI("redirect_uris is missing")
    application_type = _application_type(known.get("application_type"), uris)
    method = _method(known.get("token_endpoint_auth_method"), offer)
    is_public, is_native = method == "none", application_type == "native"
    decided: dict[str, Any] = {
        "redirect_uris": uris,
        "grant_types": grant_types,
        "application_type": application_type,
        "token_endpoint_auth_method": method,
        "scope": _scope(known.get("scope", ""), offer),
        "client_name": _name(known.get("client_name", ""), uris),
        "contacts": [each for each in known.get("contacts", []) if len(each.split()) == 1],
    }
    _replace_what_cannot_be(known, method, offer)
    members = {**known, **decided}
    columns = {OWN_MEMBERS[name].column: column_value(value, OWN_MEMBERS[name].kind) for name, value in members.items()}
    columns["client_type"] = "public" if is_public else "confidential"
    # "public clients MUST use PKCE" (RFC 9700 section 2.1.1); on a device nothing else tells one app from another.
    columns["requires_pkce"] = is_public or is_native or offer.requires_pkce
    return Registration(
        columns=columns,
        translations=_translations(sent),
        software_id=_short_text(sent, "software_id"),
        software_version=_short_text(sent, "software_version"),
    )


def _checked(value: Any, member: Member) -> Any:
    match member.kind:
        case Kind.TEXT if isinstance(value, str):
            return value
        case Kind.LINES | Kind.WORDS if _is_list_of_texts(value):
            return list(dict.fromkeys(value))
        case Kind.FLAG if isinstance(value, bool):
            return value
        # Some libraries write a lifetime as 3600.0.
        case Kind.NUMBER if _is_number(value) and 0 <= value <= _LARGEST_NUMBER and value == int(value):
            return int(value)
        case Kind.JSON if isinstance(value, dict):
            return value
        case Kind.FLAG if value in ("true", "false"):  # some libraries send form values
            return value == "true"
        case _:
            raise InvalidClientMetadata(f"{member.name} must be {member.kind.value.partition(';')[0]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _redirect_uris(uris: list[str]) -> list[str]:
    if len(uris) > MOST_REDIRECT_URIS:
        raise InvalidRedirectURI(f"more than {MOST_REDIRECT_URIS} redirect URIs are registered at once")
    for uri in uris:
        if fault := redirect_uri.fault_of(uri):
            raise InvalidRedirectURI(f"a redirect URI {fault}", detail=f"{uri[:200]!r} {fault}")
    return uris


def _grant_types(known: Mapping[str, Any], offer: Offer) -> list[str]:
    # "If omitted, the default behavior is that the client will use only the authorization_code Grant Type" (section 2).
    named = known.get("grant_types", ["authorization_code"])
    chosen = [name for name in offer.grant_types if name in named]
    if not set(chosen) - {"refresh_token"}:
        chosen = ["authorization_code", *chosen]
    return chosen


def _application_type(named: str | None, uris: list[str]) -> str:
    if named in ("web", "native"):
        return named
    # Clients on a device rarely say so. Their redirect URIs show it: a scheme of their own, or http on loopback.
    return "native" if any(_is_of_a_device(uri) for uri in uris) else "web"


def _is_of_a_device(uri: str) -> bool:
    # http is allowed on loopback only (fault_of), where an app itself listens; even a trial website there can have https.
    return urlsplit(uri).scheme != "https"


def _method(named: str | None, offer: Offer) -> str:
    if named in ("none", *SECRET_METHODS) or (named in client_assertion.METHODS and offer.verifies_assertions):
        return str(named)
    # "If unspecified or omitted, the default is client_secret_basic" (section 2). Many clients that omit it send their secret
    # in the body, so both ways are accepted.
    return "" if named is None else "client_secret_basic"


def _scope(named: str, offer: Offer) -> str:
    chosen = [name for name in dict.fromkeys(named.split()) if name in offer.scope]
    # A client registers the scope that an API has required first. It does not register again if the API requires more later
    # (RFC 6750 section 3.1, insufficient_scope). The user is asked each time which of it to allow.
    later = [name for api in offer.apis if not set(api).isdisjoint(chosen) for name in api if name in offer.scope]
    return " ".join(dict.fromkeys([*chosen, *later]) or offer.scope)


def _name(name: str, uris: list[str]) -> str:
    if shown := clean_name(name):
        return shown
    hosts = [urlsplit(uri).hostname or "" for uri in uris]
    return next((host for host in hosts if host and host not in redirect_uri.LOOPBACK_HOSTS), "")[:LONGEST_NAME]


def clean_name(name: str) -> str:
    """
    Return a name fit for display; "" if nothing of it is visible.

    It has one line and at most LONGEST_NAME characters. Marks that change the text direction, other invisible characters
    and stacked marks are left out.
    """
    kept: list[str] = []
    marks = 0
    for character in name:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in _TURNING or (category == "Cf" and character not in _JOINERS) or marks > MOST_MARKS:
            continue
        kept.append(" " if category in ("Cc", "Co", "Cn", "Cs") or character in _BLANK else character)
    shown = " ".join("".join(kept).split())[:LONGEST_NAME].strip()
    return shown if any(unicodedata.category(character)[0] in "LNPS" for character in shown) else ""


def _replace_what_cannot_be(known: dict[str, Any], method: str, offer: Offer) -> None:
    """Remove members whose value this server does not support: their default is used instead."""
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        if name in known and known[name] not in offer.algorithms:
            del known[name]
    if known.get("subject_type", "public") != "public" and not (known["subject_type"] == "pairwise" and offer.can_pair):
        del known["subject_type"]
    algorithm = known.get("token_endpoint_auth_signing_alg", "")
    if algorithm and algorithm not in client_assertion.algorithms_of(method, ""):
        del known["token_endpoint_auth_signing_alg"]


def _translations(sent: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in sent.items():
        if not (match := _TRANSLATION.fullmatch(name)):
            continue
        if not isinstance(value, str):
            raise InvalidClientMetadata(f"{match['name']} must be a string")
        if match["name"] == "client_name":
            if shown := clean_name(value):
                found[name] = shown
        elif _is_web_address(value):
            found[name] = value
        else:
            raise InvalidClientMetadata(f"{match['name']} is no web address", detail=f"{name}: {value[:200]!r}")
    return dict(list(found.items())[:MOST_TRANSLATIONS])


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\"'<>\\]", value)
    except ValueError:
        return False


def _short_text(sent: Mapping[str, Any], name: str) -> str:
    value = sent.get(name, "")
    if not isinstance(value, str):
        raise InvalidClientMetadata(f"{name} must be a string")
    return value[:LONGEST_SOFTWARE_ID]


def in_language(translations: Mapping[str, str], language: str) -> dict[str, str]:
    """
    Return the members that are translated into a language: with its own tag, or with that of the language without a region.

    Args:
        language: tag such as de or de-at.
    """
    tags = dict.fromkeys([language.lower(), language.lower().partition("-")[0]])
    by_tag = {(name.lower().partition("#")[2], name.partition("#")[0]): text for name, text in translations.items()}
    return {name: text for tag in reversed(list(tags)) for (of_tag, name), text in by_tag.items() if of_tag == tag}


def _no_number(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def is_text_throughout(found: Any) -> bool:
    """Tell whether every text in a JSON value can be stored: no NUL byte, no lone surrogate."""
    waiting: list[Any] = [found]
    while waiting:
        match waiting.pop():
            case str(text):
                if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                    return False
            case dict(members):
                waiting += [*members.keys(), *members.values()]
            case list(values):
                waiting += values
    return True
