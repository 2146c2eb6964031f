"""manage.py create_client -- register a client application; its secret is printed once."""

import secrets
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from oauth_service import conf
from oauth_service.clients import key_sets, logo, sector
from oauth_service.grant_types import fault_of_names, offered
from oauth_service.management import clients
from oauth_service.management.output import write_json
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client, Resource
from oauth_service.outbound.documents import DocumentUnavailable
from oauth_service.protocol import client_assertion, device_code, pkce
from oauth_service.watch.doctor import facts, registration
from oauth_service.web.reports import redacted_reports


class Command(RecordedCommand):
    """Register a client application."""

    help = "Register a client application. Print its client_id and, only this once, its client_secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        clients.add_options(parser, required=("name",))
        parser.add_argument(
            "--public", action="store_true", help="an app without a secret, on a device or in a browser"
        )
        parser.add_argument(
            "--native", action="store_true", help="an app on a device; allow any port in loopback redirect URIs"
        )
        parser.add_argument(
            "--without-pkce",
            action="store_false",
            dest="requires_pkce",
            help="for a confidential client that does not support PKCE (RFC 7636)",
        )
        parser.add_argument("--json", action="store_true", help="print the client as JSON (RFC 7591 section 3.2.1)")

    @redacted_reports()
    def handle(self, *args: Any, **options: Any) -> None:
        client = self._client(options)
        clients.refuse_faults(client, key_sets.fault_of_client)
        if fault := sector.fault_of(client):
            raise CommandError(f"--sector-identifier-uri: {fault}")
        secret = client.make_secret() if client.uses_secret else ""
        client.save(force_insert=True)
        self.announce(
            "added", "client", object_id=client.pk, client_id=client.client_id, changes=clients.metadata_as_text(client)
        )
        self._fetch_logo(client)
        self._warn(client)
        if options["json"]:
            write_json(self.stdout, clients.members_of(client, secret=secret))
        else:
            self._tell(client, secret)

    def _client(self, options: dict[str, Any]) -> Client:
        public = options["public"] or options["token_endpoint_auth_method"] == "none"
        if public and options["requires_pkce"] is False:
            raise CommandError("A public client cannot do without PKCE: leave out --without-pkce.")
        columns = {"scope": " ".join(conf.SCOPES()), **clients.columns_of(options)}
        for column in ("scope", "client_credentials_scope"):
            named = set(columns.get(column, "").split())
            if unknown := sorted(named - clients.known_scopes(named)):
                option = column.replace("_", "-")
                raise CommandError(
                    f"--{option}: unknown: {', '.join(unknown)}."
                    f" Add scopes to {conf.SCOPES.name}, or register the API that has them: create_resource."
                )
        client = Client(**columns)
        if public:
            client.client_type = Client.ClientType.PUBLIC
        if options["native"]:
            client.application_type = Client.ApplicationType.NATIVE
        if fault := fault_of_names(client.grant_types):
            raise CommandError(f"--grant-type: {fault}")
        return client

    def _fetch_logo(self, client: Client) -> None:
        if not client.logo_uri:
            return
        if not logo.is_available():
            self.stderr.write(
                self.style.WARNING("Warning: the logo is not shown; install django-oauth-service[logos].")
            )
            return
        try:
            logo.fetch_now(client.logo_uri)
        except DocumentUnavailable as failure:
            self.stderr.write(self.style.WARNING(f"Warning: the logo is not shown yet: {failure.detail}."))

    def _warn(self, client: Client) -> None:
        self.warn(
            registration.findings(
                facts.registration_of(client, has_consents=False),
                scopes=clients.known_scopes(client.scope.split()),
                grant_types=frozenset(offered()),
                is_production=not settings.DEBUG,
                now=timezone.now(),
            )
        )
        namesakes = Client.objects.filter(name__iexact=client.name, is_active=True).exclude(pk=client.pk)
        if namesake := namesakes.order_by("pk").first():
            self.stderr.write(
                self.style.WARNING(
                    f"Warning: The client {namesake.client_id} has the same name."
                    " People cannot tell the two apart when they are asked. Rename one of them in the admin."
                )
            )

        named = client.exchangeable_by.split()
        known = Client.objects.filter(client_id__in=named).values_list("client_id", flat=True)
        if named and (unknown := sorted({*named} - {*known})):
            self.stderr.write(
                self.style.WARNING(
                    f"Warning: No client {', '.join(unknown)} is registered, so it cannot exchange tokens yet."
                )
            )

    def _tell(self, client: Client, secret: str) -> None:
        self.stdout.write(f"client_id      {client.client_id}")
        if secret:
            self.stdout.write(f"client_secret  {secret}")
            self.stdout.write(clients.how_secret_is_kept(client))
        if client.may_use("authorization_code"):
            self.stdout.write(f"\n{_first_steps(client)}")
        elif client.may_use(device_code.GRANT_TYPE):
            self.stdout.write(f"\n{_first_device(client)}")
        elif client.may_use("client_credentials"):
            self.stdout.write(f"\n{_first_token(client)}")


def _first_steps(client: Client) -> str:
    """Instructions for a first token by hand: an address to open, and a request to send."""
    base = conf.ISSUER() or "http://localhost:8000"
    verifier = secrets.token_urlsafe(32)
    redirect_uri = client.redirect_uri_list[0]
    question = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": client.scope,
        "state": secrets.token_urlsafe(8),
        "code_challenge": pkce.challenge_of(verifier),
        "code_challenge_method": "S256",
        "resource": _resources(client.scope),
    }
    option, credentials = _credentials(client)
    fields = {
        "grant_type": "authorization_code",
        "code": "THE_CODE",
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    } | credentials
    return (
        "To try it, open this address and allow what it asks for:\n\n"
        f"{base}{reverse('oauth_service:authorise')}?{urlencode(question, doseq=True)}\n\n"
        f"You are sent to {redirect_uri}, with a code in the address. Exchange it within a minute:\n\n"
        f"curl {base}{reverse('oauth_service:token')} \\\n{option}{_data(fields)}"
    )


def _first_device(client: Client) -> str:
    """Instructions for starting a device by hand."""
    url = f"{conf.ISSUER() or 'http://localhost:8000'}{reverse('oauth_service:device_authorization')}"
    option, credentials = _credentials(client)
    fields = credentials | {"scope": client.scope}
    return (
        f"To try it, start a device:\n\ncurl {url} \\\n{option}{_data(fields)}\n\n"
        "The response names the page where users enter the code, and the device_code to poll with."
    )


def _first_token(client: Client) -> str:
    """Instructions for a token that the client gets for itself, by hand."""
    url = f"{conf.ISSUER() or 'http://localhost:8000'}{reverse('oauth_service:token')}"
    option, credentials = _credentials(client)
    fields = {"grant_type": "client_credentials"} | credentials
    resources = "".join(
        f" \\\n    --data-urlencode resource='{each}'"
        for each in _resources(client.client_credentials_scope or client.scope)
    )
    return f"To try it:\n\ncurl {url} \\\n{option}{_data(fields)}{resources}"


def _resources(scope: str) -> list[str]:
    """APIs to request the token for: views of an API refuse tokens for no API (RFC 8707)."""
    return Resource.objects.providing(set(scope.split()) - conf.SCOPES().keys())


def _data(fields: Mapping[str, str]) -> str:
    return " \\\n".join(f"    --data-urlencode {name}='{value}'" for name, value in fields.items())


def _credentials(client: Client) -> tuple[str, dict[str, str]]:
    """Credentials for requests by hand, as the client is registered: an option of curl, and fields of the form."""
    name = {"client_id": client.client_id}
    if client.is_public:
        return "", name
    match client.token_endpoint_auth_method:
        case Client.AuthenticationMethod.CLIENT_SECRET_BASIC:
            return f"    --user {client.client_id}:THE_SECRET \\\n", {}
        case Client.AuthenticationMethod.PRIVATE_KEY_JWT | Client.AuthenticationMethod.CLIENT_SECRET_JWT:
            kind = client_assertion.ASSERTION_TYPE
            return "", name | {"client_assertion_type": kind, "client_assertion": "THE_JWT"}
        case _secret_in_the_body:
            return "", name | {"client_secret": "THE_SECRET"}
