"""Shared by commands about clients: an option for each member of the metadata, and printing of clients."""

from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db.models import Model
from django.utils.dateparse import parse_duration

from oauth_service import conf
from oauth_service.models import Client, Resource
from oauth_service.protocol.client_metadata import MEMBERS, Kind, Member, column_value, metadata_of

M = TypeVar("M", bound=Model)

# Options for lists take one value and can be repeated.
_NAMES = {
    "redirect_uris": "redirect-uri",
    "contacts": "contact",
    "post_logout_redirect_uris": "post-logout-redirect-uri",
    "client_name": "name",
    "is_first_party": "first-party",
    "client_uri": "website",
    "requires_pkce": "pkce",
    "remembers_consent": "remember-consent",
    "grant_types": "grant-type",
    "grant_type_scopes": "grant-type-scope",
    "introspection_resources": "introspection-resource",
    "default_acr_values": "default-acr-value",
}
_ALSO = {"client_uri": ("--client-uri",)}


def option_of(member: Member) -> str:
    """Option that sets a member, without its dashes."""
    return _NAMES.get(member.name, member.name.replace("_", "-"))


def add_options(parser: ArgumentParser, *, required: Collection[str]) -> None:
    """
    Give a parser one option for each member of a client's metadata; options that are not given are None.

    Args:
        required: columns whose options must be given.
    """
    for member in MEMBERS:
        names = (f"--{option_of(member)}", *_ALSO.get(member.name, ()))
        shared: dict[str, Any] = {"dest": member.column, "required": member.column in required}
        text = f"{member.help} (OpenID Connect)" if member.openid else member.help
        match member.kind:
            case Kind.FLAG:
                parser.add_argument(*names, **shared, action=BooleanOptionalAction, default=None, help=text)
            case Kind.WORDS | Kind.LINES | Kind.SCOPES:
                parser.add_argument(*names, **shared, action="append", help=f"{text}; can be repeated")
            case Kind.NUMBER:
                parser.add_argument(*names, **shared, type=int, help=text)
            case Kind.SECONDS:
                parser.add_argument(*names, **shared, type=seconds, metavar="SECONDS", help=text)
            case Kind.JSON:
                parser.add_argument(*names, **shared, metavar="JSON", help=text)
            case Kind.TEXT:
                parser.add_argument(*names, **shared, help=text)


def seconds(text: str) -> int:
    """
    Value in seconds of an option for a lifetime, given as seconds or as a duration in Django's format, such as 1:00:00.

    Raises:
        ValueError: the text is neither.
    """
    try:
        duration = timedelta(seconds=int(text)) if text.isdecimal() else parse_duration(text)
    except OverflowError as cause:
        raise ValueError(text) from cause
    if duration is None:
        raise ValueError(text)
    return int(duration.total_seconds())


def columns_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Columns that the options set.

    Raises:
        CommandError: a value of an option is given twice.
    """
    for member in MEMBERS:
        values: list[str] = (options.get(member.column) or []) if member.kind in (Kind.LINES, Kind.WORDS) else []
        if twice := next((value for value in values if values.count(value) > 1), ""):
            raise CommandError(f"--{option_of(member)}: {twice} is given twice. Leave one out.")
    return {
        member.column: column_value(options[member.column], member.kind)
        for member in MEMBERS
        if options.get(member.column) is not None
    }


def in_lines(fault: ValidationError) -> str:
    """Each validation message under the option it is about."""
    options = {member.column: option_of(member) for member in MEMBERS}
    return "\n".join(
        f"--{options.get(column, column.replace('_', '-'))}: {message}"
        for column, sentences in fault.message_dict.items()
        for message in dict.fromkeys(sentences)  # two rules check a link, with the same message
    )


def refuse_faults(row: M, fault_of_keys: Callable[[M], tuple[str, str]]) -> None:
    """
    Check the columns and keys of a client or trusted issuer that a command creates.

    Raises:
        CommandError: names the option of each fault.
    """
    try:
        row.full_clean()
    except ValidationError as refusal:
        raise CommandError(in_lines(refusal)) from refusal
    column, fault = fault_of_keys(row)
    if fault:
        raise CommandError(f"--{column.replace('_', '-')}: {fault}")


def how_secret_is_kept(client: Client) -> str:
    """Sentence that the commands print with a secret."""
    if client.seals_secret:
        return "The secret is shown this once. It is kept encrypted, as the client's assertions are verified with it."
    return "The secret is shown this once. Only its hash is kept."


def by_id(client_id: str) -> Client:
    """
    The client with the client_id of an argument.

    Raises:
        CommandError: there is none.
    """
    try:
        return Client.objects.get(client_id=client_id)
    except Client.DoesNotExist:
        raise CommandError(f"There is no client {client_id!r}. manage.py list_clients shows them.") from None


def known_scopes(named: Collection[str]) -> frozenset[str]:
    """All known scopes; those of resources are only looked up if a named scope is not the server's own."""
    known = frozenset(conf.SCOPES())
    return known if known.issuperset(named) else known | Resource.objects.scope_names()


def members_of(client: Client, *, secret: str = "") -> dict[str, Any]:
    """JSON that the commands print for a client: its metadata, is_active, and a new secret."""
    found = metadata_of(client, openid=conf.is_openid()) | {"is_active": client.is_active}
    return found | {"client_secret": secret} if secret else found


def metadata_as_text(client: Client) -> str:
    """Text of the event for a registered client: its members, one a line, without secrets."""
    return "\n".join(f"{name}: {value}" for name, value in metadata_of(client, openid=conf.is_openid()).items())
