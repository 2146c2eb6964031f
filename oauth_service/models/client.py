"""Client: a registered application (RFC 6749 section 2)."""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import conf, database
from ..compiled.statement import Placeholder, Select
from ..database import PrimaryManager
from ..protocol import (
    client_authentication,
    client_id_metadata_document,
    client_metadata,
    client_standing,
    jwk_set,
    redirect_uri,
    resource_indicators,
    scope,
    token_exchange,
)
from ..protocol.errors import InvalidScope
from ..protocol.grant_type import scopes_of
from ..protocol.sealed import SECRET_BYTES
from ..protocol.secret import Secret
from .client_secret import seal_secret
from .revoked_token import RevokedToken
from .secret_columns import SecretBinaryField, SecretCharField


def new_client_id() -> str:
    """Return a client_id of 128 random bits, in lower-case hexadecimal."""
    return secrets.token_hex(16)


def new_own_secret() -> bytes:
    """Return the random half of the key that seals a client's own tokens."""
    return secrets.token_bytes(SECRET_BYTES)


LONGEST_CLIENT_ID = client_id_metadata_document.LONGEST_URL
MOST_SERVICES = 50  # clients that may act through one client
CLIENT_ID_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~]+")

# The consent page links to these addresses.
validate_web_address = URLValidator(schemes=["https", "http"])


def validate_client_id(text: str) -> None:
    """
    Check that every client library sends this client_id in the same way.

    HTTP Basic takes a name only up to its colon. All characters but these are form-encoded (RFC 6749 section 2.3.1),
    which some libraries do and some do not.

    Raises:
        ValidationError: another character.
    """
    if not CLIENT_ID_CHARACTERS.fullmatch(text):
        raise ValidationError(_("A client ID can have only letters, digits and - . _ ~ in it."))


def validate_client_ids(text: str) -> None:
    """
    Check a list of client_ids: every word can be one, and a consent page can show them all.

    Raises:
        ValidationError: a character that no client_id has, or more than MOST_SERVICES.
    """
    for client_id in text.split():
        validate_client_id(client_id)
    if len(text.split()) > MOST_SERVICES:
        raise ValidationError(_("This list can have %(most)d client IDs at most."), params={"most": MOST_SERVICES})


def validate_redirect_uris(text: str) -> None:
    """
    Check that every line may be registered as a redirect URI.

    Raises:
        ValidationError: one message for each line that may not.
    """
    faults = [(uri, redirect_uri.fault_of(uri)) for uri in text.split()]
    if errors := [ValidationError(f"{uri} {fault}.") for uri, fault in faults if fault]:
        raise ValidationError(errors)


def validate_identifiers(text: str) -> None:
    """
    Check that every line can identify a resource (RFC 8707 section 2).

    Raises:
        ValidationError: one message for each line that cannot.
    """
    faults = [(line, resource_indicators.fault_of(line)) for line in text.split()]
    if errors := [ValidationError(f"{line[:100]} {fault}.") for line, fault in faults if fault]:
        raise ValidationError(errors)


def validate_scope(text: str) -> None:
    """
    Check a space-delimited scope (RFC 6749 section 3.3).

    Raises:
        ValidationError: a character that no scope may have.
    """
    try:
        scope.parse(text)
    except InvalidScope as fault:
        raise ValidationError(str(fault)) from fault


def validate_jwks(text: str) -> None:
    """
    Check that a text is a set of public keys (RFC 7517 section 5).

    Raises:
        ValidationError: it is not.
    """
    if fault := jwk_set.fault_of(text):
        raise ValidationError(fault)


class WebAddressField(models.URLField):  # type: ignore[type-arg]
    """An http or https URL. Forms add https if no scheme was typed."""

    stored_as = models.URLField  # see compiled/statement.py
    default_validators = [validate_web_address]

    def formfield(self, *args: Any, **kwargs: Any) -> Any:
        return super().formfield(*args, **{"assume_scheme": "https", **kwargs})

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", args, {**kwargs, "validators": [validate_web_address]}


class ClientType(models.TextChoices):
    """The ability of a client to keep a secret (RFC 6749 section 2.1)."""

    CONFIDENTIAL = "confidential", _("Confidential: a server that keeps a secret")
    PUBLIC = "public", _("Public: an app on a device or in a browser, without a secret")


class ApplicationType(models.TextChoices):
    """The place where a client runs (OpenID Connect Dynamic Client Registration section 2)."""

    WEB = "web", _("Web")
    NATIVE = "native", _("Native: runs on a device; a loopback redirect URI may have any port")


class AuthenticationMethod(models.TextChoices):
    """The way a client authenticates at the token endpoint (RFC 7591 section 2)."""

    ANY_SECRET = "", _("Client secret, by HTTP Basic or in the request body")
    NONE = "none", _("None: public client")
    CLIENT_SECRET_BASIC = "client_secret_basic", _("Client secret, by HTTP Basic only")
    CLIENT_SECRET_POST = "client_secret_post", _("Client secret, in the request body only")
    PRIVATE_KEY_JWT = "private_key_jwt", _("JWT, signed with the client's private key")
    CLIENT_SECRET_JWT = (
        "client_secret_jwt",
        _("JWT, with a MAC made from the client secret, which this server stores encrypted"),
    )


class SubjectType(models.TextChoices):
    """Public or pairwise: decides whether clients can compare the sub of a user (OpenID Connect Core section 8)."""

    PUBLIC = "public", _("Public: the same sub for every client")
    PAIRWISE = "pairwise", _("Pairwise: a different sub for each sector")


class ClientRules:
    """Properties computed from a client's columns, for the model and for the row that a token request reads."""

    __slots__ = ()

    pk: Any
    client_id: Any
    client_type: Any
    application_type: Any
    redirect_uris: Any
    scope: Any
    client_credentials_scope: Any
    grant_types: Any
    exchangeable_by: Any
    requires_pkce: Any
    remembers_consent: Any
    is_first_party: Any
    is_checked: Any
    subject_type: Any
    sector_identifier_uri: Any
    backchannel_logout_uri: Any
    frontchannel_logout_uri: Any
    token_endpoint_auth_method: Any
    grant_type_scopes: Any
    introspection_resources: Any

    @property
    def uses_secret(self) -> bool:
        """True if the client authenticates with a client secret."""
        return not self.is_public and self.token_endpoint_auth_method != AuthenticationMethod.PRIVATE_KEY_JWT

    @property
    def seals_secret(self) -> bool:
        """True if the secret is stored encrypted, so that this server can read it again to verify MACs."""
        return bool(self.token_endpoint_auth_method == AuthenticationMethod.CLIENT_SECRET_JWT)

    @property
    def is_public(self) -> bool:
        """True if the client has no way to authenticate (RFC 6749 section 2.1)."""
        return bool(self.client_type == ClientType.PUBLIC)

    @property
    def must_use_pkce(self) -> bool:
        """True if authorization requests of the client need a code_challenge (RFC 9700 section 2.1.1)."""
        return bool(self.requires_pkce) or self.is_public

    @property
    def is_native(self) -> bool:
        """True if the client runs on the user's own device (RFC 8252)."""
        return bool(self.application_type == ApplicationType.NATIVE)

    @property
    def redirect_uri_list(self) -> tuple[str, ...]:
        return tuple(self.redirect_uris.split())

    @property
    def introspection_resource_list(self) -> tuple[str, ...]:
        """The identifiers of the client's own resources, about whose tokens it may ask (RFC 7662 section 4)."""
        return tuple(self.introspection_resources.split())

    @property
    def hears_of_sign_outs(self) -> bool:
        """True if the client registered a logout URI, back-channel or front-channel."""
        return bool(self.backchannel_logout_uri or self.frontchannel_logout_uri)

    @property
    def row_id(self) -> UUID:
        """The client's id in its own tokens, which it gets by client credentials (RFC 6749 section 4.4)."""
        return UUID(int=self.pk)

    @property
    def own_scope(self) -> str:
        """
        The scope that the client may get for itself, without the names that need a user: openid and offline_access.
        """
        allowed = (self.client_credentials_scope or self.scope).split()
        return " ".join(name for name in allowed if name not in ("openid", "offline_access"))

    def scope_for(self, grant_type: str, /) -> str:
        """Return the scope that a grant type may give the client. For client_credentials see own_scope."""
        if not self.grant_type_scopes:
            return str(self.scope)
        limit = scopes_of(self.grant_type_scopes).get(grant_type)
        if limit is None:
            return str(self.scope)
        return scope.intersection(self.scope, limit, implies=conf.implied_scopes())

    def may_use(self, grant_type: str, /) -> bool:
        """Return whether the client may use a grant type."""
        return grant_type in self.grant_types.split()

    def may_skip_consent(self, uri: str) -> bool:
        """Return whether a remembered consent is enough to redirect to this URI."""
        return client_standing.may_rely_on_consent(self, uri)

    @property
    def is_vouched_for(self) -> bool:
        """True if the operator vouches for the client's name, picture and redirect URIs."""
        return client_standing.is_vouched_for(self)

    @property
    def proven_host(self) -> str:
        """The host of the client_id if it is a URL, whose document describes the client; "" for any other client."""
        # Neither the operator (validate_client_id) nor a client that registers itself can choose such a client_id.
        return (urlsplit(self.client_id).hostname or "") if self.client_id.startswith("https://") else ""


class _Columns(NamedTuple):
    pk: int
    client_id: str
    name: str
    client_type: str
    application_type: str
    redirect_uris: str
    scope: str
    client_credentials_scope: str
    grant_types: str
    may_impersonate: bool
    may_delegate: bool
    exchangeable_by: str
    may_revoke_users: bool
    requires_pkce: bool
    remembers_consent: bool
    is_first_party: bool
    is_checked: bool
    is_active: bool
    secret_hash: Secret
    previous_secret_hash: Secret
    own_secret: Secret
    token_endpoint_auth_method: str
    token_endpoint_auth_signing_alg: str
    jwks: str
    jwks_uri: str
    access_token_lifetime: timedelta | None
    refresh_token_lifetime: timedelta | None
    connection_lifetime: timedelta | None
    grant_type_scopes: str
    id_token_signed_response_alg: str
    userinfo_signed_response_alg: str
    subject_type: str
    sector_identifier_uri: str
    default_max_age: int | None
    default_acr_values: str
    backchannel_logout_uri: str
    frontchannel_logout_uri: str
    introspection_resources: str


class ClientRow(ClientRules, _Columns):
    """The columns of a client that the rules need, read by compiled statements. Its repr shows no hashes."""

    __slots__ = ()

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> Self:
        """Make a row from columns in the order of COLUMNS."""
        # Wrapped as Secret: error reports print a tuple member by member, and would show plain text.
        values = list(columns)
        newest, previous, own = columns[_SECRET_AT : _SECRET_AT + 3]
        values[_SECRET_AT : _SECRET_AT + 3] = Secret(newest), Secret(previous), Secret(bytes(own or b"").hex())
        return cls._make(values)

    @property
    def sealing_secret(self) -> bytes:
        """The secret half of the key that seals the client's own tokens; b"" if it has none yet."""
        return bytes.fromhex(self.own_secret.reveal())

    @property
    def secret_hashes(self) -> tuple[Secret, ...]:
        """The hashes of the valid secrets, the newest first."""
        return tuple([kept for kept in (self.secret_hash, self.previous_secret_hash) if kept])

    def __repr__(self) -> str:
        return f"ClientRow({self.client_id})"


COLUMNS = _Columns._fields
_SECRET_AT = COLUMNS.index("secret_hash")  # followed by previous_secret_hash and own_secret


class ClientManager(PrimaryManager["Client"]):
    def row(self, client_id: str) -> ClientRow | None:
        """Return the columns of a client that the rules need, in one statement; None if there is no such client."""
        return _row.one(client_id=client_id)

    def of_token(self, row_id: UUID, *, token_id: UUID) -> "TokenClient | None":
        """Return the client whose own access token is used, in one statement; None if there is none."""
        return _of_token.one(pk=row_id.int, token_id=token_id) if row_id.int <= _LARGEST_KEY else None

    def acting(
        self, client_ids: Collection[str], *, token_ids: Collection[UUID] = ()
    ) -> tuple[dict[str, ClientRow], bool]:
        """
        Return the clients that exchanged a token, and whether one of the tokens in its chain was revoked; in one
        statement.

        Args:
            client_ids: of the clients that exchanged it.
            token_ids: of the tokens that it was made from.
        """
        revoked = models.Exists(RevokedToken.objects.filter(pk__in=token_ids))
        columns = self.filter(client_id__in=client_ids).annotate(is_revoked=revoked).values_list(*COLUMNS, "is_revoked")
        rows = list(columns)
        return {row.client_id: row for row in (ClientRow.of(each[:-1]) for each in rows)}, any(row[-1] for row in rows)

    def services_of(self, client: "Client | ClientRow") -> list["Client"]:
        """Return the services that may act for a client's users at present; without exchangeable_by no statement."""
        if not (names := client.exchangeable_by.split()):
            return []
        found = self.filter(client_id__in=names, is_active=True, client_type=ClientType.CONFIDENTIAL)
        found = found.filter(models.Q(may_delegate=True) | models.Q(may_impersonate=True)).order_by("name", "pk")
        return [each for each in found if each.may_use(token_exchange.GRANT_TYPE) and each.pk != client.pk]

    def own_secret(self, client: ClientRow) -> bytes:
        """
        Return the secret that seals a client's own tokens. A client from before such secrets existed gets one now.
        """
        if found := client.sealing_secret:
            return found

        def give() -> bytes:
            row = self.select_for_update().get(pk=client.pk)
            if not row.own_secret:
                row.own_secret = new_own_secret()
                row.save(update_fields=["own_secret"])
            return bytes(row.own_secret)

        return database.run_transaction(give)

    def end_own_tokens(self, client: "Client") -> None:
        """End every access token that a client has for itself; it may get new ones at once."""
        self.filter(pk=client.pk).update(own_secret=new_own_secret())

    def rotate_secret(self, client: "Client") -> str:
        """
        Give a client a new secret. The one before stays valid until the next rotation or end_previous_secret().

        Returns:
            the secret, which is shown now and never again.
        """

        def rotate() -> str:
            row = self.select_for_update().get(pk=client.pk)
            secret = row.make_secret()
            row.save(update_fields=SECRETS)
            for name in SECRETS:
                setattr(client, name, getattr(row, name))
            return secret

        return database.run_transaction(rotate)

    def sealed_secrets(self, client: ClientRow) -> tuple[bytes, ...]:
        """
        Return a client's encrypted MAC secrets, the newest first. Only clients that authenticate by a MAC cost this
        statement.
        """
        return _sealed.one(pk=client.pk) or ()

    def seal_again(self, client: ClientRow, sealed: bytes, secret: Secret) -> None:
        """Encrypt a secret again, under the current token key, unless it was rotated in the meantime."""

        def seal() -> None:
            row = self.select_for_update().get(pk=client.pk)
            for name in ("sealed_secret", "previous_sealed_secret"):
                if bytes(getattr(row, name) or b"") == sealed:
                    setattr(row, name, seal_secret(secret, row.client_id))
                    row.save(update_fields=[name])

        database.run_transaction(seal)

    def record_use_of_previous_secret(self, client: ClientRow, *, now: datetime, interval: timedelta) -> None:
        """Write that a client has authenticated with its previous secret, unless that was written within the interval."""
        is_due = models.Q(previous_secret_used_at=None) | models.Q(previous_secret_used_at__lte=now - interval)
        database.run_transaction(lambda: self.filter(is_due, pk=client.pk).update(previous_secret_used_at=now))

    def end_previous_secret(self, client: "Client") -> None:
        """End the earlier secret, so that only the newest one is valid."""
        self.filter(pk=client.pk).update(previous_secret_hash="", previous_sealed_secret=None)
        client.previous_secret_hash, client.previous_sealed_secret = "", None

    def end_secrets(self, *, newest: bool) -> int:
        """
        End the earlier secret of every client that has two, and all own tokens of all clients.

        Args:
            newest: end the newest secret of every client, too.

        Returns:
            how many clients lost a secret.
        """
        # Otherwise a client's own token that was revoked after the backup would be valid again.
        self.update(own_secret=None)
        if newest:
            gone = {
                "secret_hash": "",
                "previous_secret_hash": "",
                "sealed_secret": None,
                "previous_sealed_secret": None,
            }
            return self.filter(client_type=ClientType.CONFIDENTIAL).update(**gone)
        with_two = [pk for pk, hash_ in self.values_list("pk", "previous_secret_hash") if hash_]
        return self.filter(pk__in=with_two).update(previous_secret_hash="", previous_sealed_secret=None)


class Client(ClientRules, models.Model):
    """
    An application that may ask for authorisation.

    A confidential client has a secret. Up to two are valid at a time, so that a rotation causes no outage.
    """

    ClientType = ClientType
    ApplicationType = ApplicationType
    AuthenticationMethod = AuthenticationMethod

    client_id = models.CharField(
        _("client ID"),
        max_length=LONGEST_CLIENT_ID,
        unique=True,
        default=new_client_id,
        validators=[validate_client_id],
    )
    name = models.CharField(
        _("name"),
        max_length=100,
        help_text=_("Users see this name on the consent page and in their list of connected apps."),
    )
    operator = models.CharField(
        _("run by"),
        max_length=100,
        blank=True,
        help_text=_("The person or organisation that runs the app. Shown to users."),
    )
    client_uri = WebAddressField(_("website"), blank=True)
    policy_uri = WebAddressField(_("privacy policy"), blank=True)
    tos_uri = WebAddressField(_("terms of service"), blank=True)
    client_type = models.CharField(
        _("client type"), max_length=12, choices=ClientType.choices, default=ClientType.CONFIDENTIAL
    )
    application_type = models.CharField(
        _("application type"), max_length=6, choices=ApplicationType.choices, default=ApplicationType.WEB
    )
    redirect_uris = models.TextField(
        _("redirect URIs"),
        blank=True,
        validators=[validate_redirect_uris],
        help_text=_("One URI per line. Compared character by character."),
    )
    scope = models.CharField(
        _("scope"),
        max_length=1000,
        default="user profile",
        validators=[validate_scope],
        help_text=_("The scopes that the client may request, separated by spaces."),
    )
    client_credentials_scope = models.CharField(
        _("client credentials scope"),
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        validators=[validate_scope],
        help_text=_(
            "The scopes that the client may get without a user (client credentials grant). If empty, the "
            "client may get its whole scope."
        ),
    )
    grant_types = models.CharField(
        _("grant types"),
        max_length=200,
        default="authorization_code refresh_token",
        help_text=_("The grant types that the client may use, separated by spaces."),
    )
    may_impersonate = models.BooleanField(
        _("may impersonate users"),
        default=False,
        db_default=False,
        help_text=_(
            "Token exchange without an actor_token: the new tokens do not show that the client acts instead of "
            "the user (RFC 8693)."
        ),
    )
    may_delegate = models.BooleanField(
        _("may act on behalf of users"),
        default=False,
        db_default=False,
        help_text=_("Token exchange with an actor_token: the new tokens name the actor (RFC 8693)."),
    )
    exchangeable_by = models.TextField(
        _("services that may exchange the client's tokens"),
        blank=True,
        default="",
        db_default="",
        validators=[validate_client_ids],
        help_text=_(
            "Client IDs, one per line. These clients may exchange the tokens that this client has for its "
            "users. The consent page names them."
        ),
    )
    may_revoke_users = models.BooleanField(
        _("may sign users out everywhere"),
        default=False,
        db_default=False,
        help_text=_("The client may end all connections and sessions of any user (global token revocation)."),
    )
    requires_pkce = models.BooleanField(
        _("requires PKCE"), default=True, help_text=_("Public clients always need PKCE (RFC 7636).")
    )
    remembers_consent = models.BooleanField(
        _("remembers consent"),
        default=True,
        help_text=_("Users who have already allowed all requested scopes are not asked again."),
    )
    is_first_party = models.BooleanField(
        _("first-party app"),
        default=False,
        db_default=False,
        help_text=_("Users are told that this service runs the app."),
    )
    # An older version of this app writes rows without this column: nobody knows who registered them.
    is_checked = models.BooleanField(
        _("checked"),
        default=True,
        db_default=False,
        help_text=_(
            "Tick this if you have checked the name, logo and redirect URIs. Users see whether an app is checked."
        ),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_(
            "If not ticked, the client and all its tokens are refused at once. If you tick it again, unexpired "
            "tokens are valid again."
        ),
    )
    token_endpoint_auth_method = models.CharField(
        _("client authentication"), max_length=30, blank=True, choices=AuthenticationMethod.choices, default=""
    )
    token_endpoint_auth_signing_alg = models.CharField(
        _("assertion algorithm"),
        max_length=10,
        blank=True,
        help_text=_("If empty, any suitable algorithm is accepted."),
    )
    jwks = models.TextField(
        _("public keys"), blank=True, validators=[validate_jwks], help_text=_("A JWK set with public keys only.")
    )
    jwks_uri = WebAddressField(
        _("URL of the public keys"),
        blank=True,
        help_text=_("An https URL. The keys are fetched, and fetched again if a key is unknown."),
    )
    access_token_lifetime = models.DurationField(
        _("access token lifetime"), null=True, blank=True, help_text=_("If empty, the server's default applies.")
    )
    refresh_token_lifetime = models.DurationField(
        _("refresh token lifetime"), null=True, blank=True, help_text=_("If empty, the server's default applies.")
    )
    connection_lifetime = models.DurationField(
        _("connection lifetime"),
        null=True,
        blank=True,
        help_text=_(
            "The longest time that a connection can last, even if its tokens are refreshed. If empty, the "
            "server's default applies."
        ),
    )
    grant_type_scopes = models.TextField(
        _("scope by grant type"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "One grant type per line, followed by the scopes that it may give, for example “refresh_token "
            "user”. A grant type that is not listed may give the client's whole scope."
        ),
    )
    logo_uri = WebAddressField(_("logo"), blank=True, help_text=_("Fetched once, then served by this server."))
    contacts = models.TextField(
        _("contacts"), blank=True, help_text=_("E-mail addresses of the app's operators, one per line.")
    )
    initiate_login_uri = WebAddressField(
        _("login URL of the app"),
        blank=True,
        help_text=_("An https URL of the app that starts a sign-in."),
    )
    id_token_signed_response_alg = models.CharField(_("ID token algorithm"), max_length=10, default="RS256")
    userinfo_signed_response_alg = models.CharField(
        _("userinfo algorithm"), max_length=10, blank=True, help_text=_("If empty, the response is plain JSON.")
    )
    subject_type = models.CharField(
        _("subject type"), max_length=8, choices=SubjectType.choices, default=SubjectType.PUBLIC
    )
    sector_identifier_uri = WebAddressField(
        _("sector identifier URI"),
        blank=True,
        help_text=_("An https URL. Needed for pairwise subjects if the redirect URIs have several hosts."),
    )
    default_max_age = models.PositiveIntegerField(
        _("default max_age"),
        null=True,
        blank=True,
        help_text=_("Users must sign in again for this app after this number of seconds."),
    )
    require_auth_time = models.BooleanField(_("requires auth_time"), default=False)
    default_acr_values = models.CharField(
        _("default acr_values"),
        max_length=255,
        blank=True,
        help_text=_("Separated by spaces, in order of preference."),
    )
    post_logout_redirect_uris = models.TextField(
        _("post-logout redirect URIs"),
        blank=True,
        validators=[validate_redirect_uris],
        help_text=_("One URI per line. Compared character by character."),
    )
    backchannel_logout_uri = WebAddressField(_("back-channel logout URI"), blank=True)
    backchannel_logout_session_required = models.BooleanField(_("back-channel logout requires sid"), default=False)
    frontchannel_logout_uri = WebAddressField(_("front-channel logout URI"), blank=True)
    frontchannel_logout_session_required = models.BooleanField(_("front-channel logout requires sid"), default=False)
    introspection_resources = models.TextField(
        _("APIs of this client"),
        blank=True,
        default="",
        db_default="",
        validators=[validate_identifiers],
        help_text=_("Identifiers, one per line. The client may introspect every token that is for one of these APIs."),
    )
    secret_hash = SecretCharField(max_length=255, blank=True, editable=False)
    previous_secret_hash = SecretCharField(max_length=255, blank=True, editable=False)
    # Set only for a client that authenticates by a MAC. The secret of any other client cannot be read again.
    sealed_secret = SecretBinaryField(max_length=255, null=True, editable=False)
    previous_sealed_secret = SecretBinaryField(max_length=255, null=True, editable=False)
    # None: before these columns were there. The second is written once an hour at most (clients/previous_secret.py).
    secret_changed_at = models.DateTimeField(null=True, editable=False)
    previous_secret_used_at = models.DateTimeField(null=True, editable=False)
    own_secret = SecretBinaryField(max_length=SECRET_BYTES, null=True, default=new_own_secret, editable=False)
    created_at = models.DateTimeField(_("registered"), auto_now_add=True)

    objects = ClientManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """Store the client. If it does not verify MACs (any more), erase the secrets that can be read again."""
        stored = options.get("update_fields")
        if not self.seals_secret and (stored is None or "token_endpoint_auth_method" in stored):
            self.sealed_secret = self.previous_sealed_secret = None
            if stored is not None:
                options["update_fields"] = {*stored, "sealed_secret", "previous_sealed_secret"}
        super().save(*args, **options)

    def clean(self) -> None:
        """Require PKCE of a public client."""
        if self.is_public:
            self.requires_pkce = True  # nothing else proves that a code belongs to it (RFC 9700 section 2.1.1)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """
        Check the columns, also against each other, as the specifications of registration do.

        Args:
            exclude: columns that a form does not show. Their faults are reported for the whole form.

        Raises:
            ValidationError: by column.
        """
        super().clean_fields(exclude=exclude)
        faults: dict[str, list[str]] = {}
        for column, sentence in client_metadata.faults_of(
            self,
            algorithms=conf.SIGNING_ALGORITHMS(),
            can_pair=bool(conf.PAIRWISE_KEY()),
            implies=conf.implied_scopes(),
        ):
            if column == "redirect_uris" and column in (exclude or ()):
                continue  # the form has reported a better error for this column
            if conf.is_openid() or column not in _OPENID_COLUMNS:
                faults.setdefault(NON_FIELD_ERRORS if column in (exclude or ()) else column, []).append(sentence)
        if faults:
            raise ValidationError(faults)

    @property
    def secret_hashes(self) -> tuple[str, ...]:
        """The hashes of the valid secrets, the newest first."""
        return tuple([kept for kept in (self.secret_hash, self.previous_secret_hash) if kept])

    @property
    def secret_count(self) -> int:
        """The number of secrets that the client can authenticate with now."""
        kept = (self.sealed_secret, self.previous_sealed_secret) if self.seals_secret else self.secret_hashes
        return sum(map(bool, kept))

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete the client and everything that depends on it. If that conflicts with another write, try again."""
        remove = partial(super().delete, using=using, keep_parents=keep_parents)
        alias = using or database.primary(Client)
        return database.run_again(remove, using=alias, after=database.CONFLICTS_OF_DELETION)

    def choose_secret(self, secret: str) -> None:
        """
        Set a secret that a person chose, hashed by Django's password hasher. It is not saved yet.

        Raises:
            ValueError: the client authenticates by a MAC, whose key must not be guessable.
        """
        if self.seals_secret:
            raise ValueError("the secret of client_secret_jwt is made by the server: use make_secret()")
        self.secret_hash, self.previous_secret_hash = make_password(secret), ""
        self.secret_changed_at, self.previous_secret_used_at = timezone.now(), None

    def make_secret(self) -> str:
        """
        Make a new secret. The one before stays valid if the client can still use it. Nothing is saved yet.

        Returns:
            the secret, which is shown now and never again.
        """
        secret = client_authentication.new_secret(is_mac_key=self.seals_secret)
        # A hash cannot verify a MAC: a previous secret that is not stored encrypted is of no use any more.
        stays = bool(self.sealed_secret) or not self.seals_secret
        self.previous_secret_hash = self.secret_hash if stays else ""
        self.secret_hash = client_authentication.hash_of(secret)
        self.previous_sealed_secret = self.sealed_secret if self.seals_secret else None
        self.sealed_secret = seal_secret(Secret(secret), self.client_id) if self.seals_secret else None
        self.secret_changed_at, self.previous_secret_used_at = timezone.now(), None
        return secret


SECRETS = (
    *("secret_hash", "previous_secret_hash", "sealed_secret", "previous_sealed_secret"),
    *("secret_changed_at", "previous_secret_used_at"),
)
"""The columns that a rotation writes."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenClient:
    """The facts needed to use a client's own access token: the client, and whether the token itself was revoked."""

    client: ClientRow
    token_is_revoked: bool

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "TokenClient":
        """Make a row from the client's columns, followed by whether the token was revoked."""
        return cls(ClientRow.of(columns[:-1]), columns[-1])


def _of_token_rows() -> "models.QuerySet[Any, Any]":
    revoked = models.Exists(RevokedToken.objects.filter(pk=Placeholder("token_id", models.UUIDField())))
    clients = Client.objects.filter(pk=Placeholder("pk", models.BigAutoField())).annotate(is_revoked=revoked)
    return clients.values_list(*COLUMNS, "is_revoked")


_LARGEST_KEY = 2**63 - 1
_OPENID_COLUMNS = frozenset(member.column for member in client_metadata.MEMBERS if member.openid)

_row = Select(
    lambda: Client,
    lambda: Client.objects.filter(client_id=Placeholder("client_id", models.CharField())).values_list(*COLUMNS),
    ClientRow.of,
)
_sealed = Select(
    lambda: Client,
    lambda: Client.objects.filter(pk=Placeholder("pk", models.BigAutoField())).values_list(
        "sealed_secret", "previous_sealed_secret"
    ),
    lambda columns: tuple(bytes(each) for each in columns if each),
)
_of_token = Select(lambda: Client, _of_token_rows, TokenClient.of)
