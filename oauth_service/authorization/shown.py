"""The common content of both consent pages: client, scopes in words, APIs (RFC 8707 section 2.1), and duration."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import ngettext

from .. import conf
from ..clients.introduction import introduce
from ..models import Client, Resource
from ..protocol import client_standing, scope_choice
from ..protocol import scope as scopes
from ..tokens import issue
from ..tokens.resources import Resources

_UNITS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    The question on a consent page.

    Attributes:
        scope: the requested scope, space-delimited.
        before: scope that the user has allowed before for such a request.
        is_settled: True if the client may rely on that, so that it is not asked about again.
        ticked: scopes that the user has ticked, if the page is shown again after an answer; None for all.
    """

    scope: str
    resources: Resources
    before: str
    is_settled: bool = False
    ticked: Collection[str] | None = None

    @property
    def known(self) -> frozenset[str]:
        """Scopes that the user has allowed before, including implied ones."""
        return frozenset(scopes.expanded(self.before, conf.implied_scopes()).split())

    def optional(self, client: Client) -> tuple[str, ...]:
        """Return the scopes that can be unticked; none if the page offers no choice."""
        when = scope_choice.Offered(conf.CHOOSE_SCOPES())
        if not scope_choice.is_offered(when, is_vouched_for=client.is_vouched_for):
            return ()
        return scope_choice.optional(
            self.scope,
            required=conf.REQUIRED_SCOPES(),
            before=self.before if self.is_settled else "",
            implies=conf.implied_scopes(),
        )


def context_of(question: Question, client: Client, *, uri: str = "") -> dict[str, Any]:
    """
    Return the part of the template context that both pages share.

    Args:
        client: loaded together with its registration.
        uri: redirect URI that the answer goes to; "" for none.
    """
    optional = question.optional(client)
    general, of_resources = in_words(question, optional=optional)
    groups = by_verb(general, of_resources)
    return {
        "groups": groups,
        "verbs": {group["verb"] for group in groups},
        "introduction": introduce(client),
        "client": client,
        "standing": client_standing.standing_of(client, uri, known_hosts=conf.KNOWN_CLIENT_HOSTS()),
        "is_vouched_for": client.is_vouched_for,
        "domain": client.proven_host or (_host_of(client.client_uri) if client.is_vouched_for else ""),
        "services": Client.objects.services_of(client),
        "scopes": general,
        "resources": of_resources,
        "is_reconsent": bool(question.known),
        "has_choice": bool(optional),
        "settled": " ".join(name for name in question.scope.split() if name not in optional),
        "is_nothing": question.ticked is not None,
        "ends_with_sign_out": "openid" in (names := question.scope.split()) and "offline_access" not in names,
        "longest": _longest(client),
    }


def in_words(
    question: Question, *, optional: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Describe the scope in words: the part that belongs to no resource in particular, and the parts of each resource.

    Args:
        optional: scopes with a checkbox. A scope that appears in several places has it at the first one.
    """
    words, names = conf.SCOPES(), question.scope.split()
    actions = conf.ACTION_SCOPES()
    rows, known, implies = question.resources.rows, question.known, conf.implied_scopes()
    if not rows and not words.keys() >= set(names):  # scopes of a resource, requested without naming it
        words = {**Resource.objects.words(), **words}
    every = {**words, **{name: each for row in rows for name, each in row.words.items()}}
    with_box: set[str] = set()

    def said(name: str, description: str) -> dict[str, Any]:
        has_box = name in optional and name not in with_box
        with_box.add(name)
        return {
            "name": name,
            "description": description,
            "is_action": name in actions,
            "is_new": bool(known) and name not in known,
            "is_optional": has_box,
            "is_ticked": question.ticked is None or name in question.ticked,
            "is_repeated": name in optional and not has_box,
            "is_required": bool(optional) and name not in optional and name not in known,
            # Unticking it has no effect while one of these is ticked.
            "part_of": [every.get(each, each) for each in names if has_box and name in implies.get(each, ())],
        }

    general = [
        said(name, words.get(name, name))
        for name in names
        if not rows or (name in words and not all(name in row.words for row in rows))
    ]
    of_resources = [
        {
            "name": row.name,
            "identifier": row.identifier,
            "scopes": [said(name, row.words[name]) for name in names if name in row.words],
        }
        for row in rows
    ]
    return general, of_resources


def by_verb(general: list[dict[str, Any]], of_resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Group what in_words() returns by its verb: first what the app can see, then what it can do.

    Returns:
        groups with `verb` ("see" or "do"), `scopes`, `resources` and `place`, the prefix of the ids in the page. Groups
        without a scope are left out, unless there is none at all.
    """
    groups = []
    for verb, is_action, place in (("see", False, "scope"), ("do", True, "action")):
        at = [
            {**resource, "scopes": own}
            for resource in of_resources
            if (own := [each for each in resource["scopes"] if each["is_action"] is is_action])
        ]
        scopes = [each for each in general if each["is_action"] is is_action]
        groups.append({"verb": verb, "scopes": scopes, "resources": at, "place": place})
    return [group for group in groups if group["scopes"] or group["resources"]] or groups[:1]


def _host_of(address: str) -> str:
    return urlsplit(address).hostname or ""


def _longest(client: Client) -> str:
    """Return in words how long a connection can last at most; "" for no limit."""
    whole = issue.connection_lifetime(client)
    if not client.may_use("refresh_token"):
        lifetime = issue.access_token_lifetime(client)
        whole = min(whole, lifetime) if whole else lifetime
    if not whole:
        return ""
    unit = next((each for each in _UNITS if whole >= each and not whole % each), _UNITS[-1])
    count = whole // unit
    match _UNITS.index(unit):
        case 0:
            return ngettext("%d day", "%d days", count) % count
        case 1:
            return ngettext("%d hour", "%d hours", count) % count
        case 2:
            return ngettext("%d minute", "%d minutes", count) % count
        case _:
            return ngettext("%d second", "%d seconds", count) % count
