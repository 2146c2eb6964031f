"""Grant: a live authorisation of one user, one client and one device. Every token of a user belongs to a grant."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..compiled.statement import Placeholder, ReplaceRow, Select, Write, delete, insert, placeholders, update
from ..database import PrimaryManager
from ..protocol import lifecycle
from ..values import value_class
from . import user as users
from .authorisation import OF_CLIENT, Authorisation, AuthorisationRow, new_secret, purge_time, select_row
from .authorization_code import AuthorizationCode
from .client import COLUMNS, ClientRow
from .consent import not_ended
from .revoked_token import RevokedToken

if TYPE_CHECKING:
    from django.db.models.sql import Query


def columns_of_new(authorisation: AuthorisationRow, *, now: datetime, expires_at: datetime) -> dict[str, Any]:
    """
    Return the columns of the grant that a code, a device code or an issuer's assertion becomes, by attribute name.
    """
    return {
        "id": authorisation.pk,
        "consent_id": authorisation.consent_id,
        "secret": authorisation.secret,
        "scope": authorisation.scope,
        "redirect_uri": authorisation.redirect_uri,
        "code_challenge": authorisation.code_challenge,
        "resources": authorisation.resources,
        "openid": authorisation.openid,
        "sign_in_id": authorisation.sign_in_id,
        "trusted_issuer_id": None,
        "generation": 0,
        "created_at": now,
        "refreshed_at": now,
        "expires_at": expires_at,
        "purge_at": purge_time(expires_at),
    }


class GrantManager(PrimaryManager["Grant"]):
    def live(self, *, now: datetime) -> "models.QuerySet[Grant]":
        """
        Return the grants that have not expired, with consent, user and client. A sign-out may still have ended one.
        """
        return self.with_owner().filter(not_ended("consent__", now=now), expires_at__gt=now)

    def of_consents(self, consent_ids: Iterable[UUID], *, now: datetime, most: int) -> "dict[UUID, list[Grant]]":
        """
        Return the live grants of some consents, the last used first, and at most `most` in all; without consents no
        statement.
        """
        found: dict[UUID, list[Grant]] = {}
        if ids := list(consent_ids):
            grants = self.filter(consent_id__in=ids, expires_at__gt=now).defer("secret").order_by("-refreshed_at", "pk")
            for grant in grants[:most]:
                found.setdefault(grant.consent_id, []).append(grant)
        return found

    def with_owner(self) -> "models.QuerySet[Grant]":
        """Return grants joined with consent, user and client: a grant whose consent was withdrawn is not found."""
        return self.select_related("consent__user", "consent__client")

    def row(self, grant_id: UUID) -> AuthorisationRow | None:
        """Return a grant with its consent, user and client, in one statement; None if there is none."""
        return _row.one(pk=grant_id)

    def of_token(self, grant_id: UUID, *, token_id: UUID) -> "TokenGrant | None":
        """Return the grant whose access token is used, in one statement; None if there is none."""
        found = _of_token_of_issuers if conf.JWT_BEARER_USER() else _of_token
        return found.one(pk=grant_id, token_id=token_id)

    def give(
        self,
        *,
        consent_id: UUID,
        consent_ends_at: datetime | None,
        user_id: Any,
        client: ClientRow,
        scope: str,
        resources: str,
        trusted_issuer_id: int,
        now: datetime,
        expires_at: datetime,
    ) -> AuthorisationRow:
        """
        Store a grant made from a trusted issuer's assertion instead of a code. It ends when the issuer is no longer
        trusted.
        """
        grant = AuthorisationRow(
            pk=uuid.uuid4(),
            consent_id=consent_id,
            user_id=user_id,
            secret=new_secret(),
            scope=scope,
            redirect_uri="",
            code_challenge="",
            expires_at=expires_at,
            generation=0,
            created_at=now,
            refreshed_at=now,
            openid="",
            resources=resources,
            sign_in_id=None,
            sign_in_ended_at=None,
            consent_ends_at=consent_ends_at,
            client=client,
            user_is_active=True,
        )
        columns = columns_of_new(grant, now=now, expires_at=expires_at)
        columns["trusted_issuer_id"] = trusted_issuer_id
        _give.run(**columns)
        return grant

    def latest_of_sign_in(self, sign_in_id: UUID, *, client_id: str) -> "GrantWithResources | None":
        """Return the newest grant of a sign-in for a client, for an ID token that names both; in two statements."""
        found = self.filter(sign_in_id=sign_in_id, consent__client__client_id=client_id).order_by("-created_at", "-pk")
        return self._with_resources(found)

    def latest_of_user(self, user_id: Any, *, client_pk: int, now: datetime) -> "GrantWithResources | None":
        """Return a user's newest grant for a client that has not ended, not even by a sign-out; in two statements."""
        found = self.filter(consent__user_id=user_id, consent__client_id=client_pk, expires_at__gt=now)
        found = found.filter(not_ended("consent__", now=now), sign_in__ended_at__isnull=True).order_by(
            "-created_at", "-pk"
        )
        return self._with_resources(found)

    def _with_resources(self, found: "models.QuerySet[Grant]") -> "GrantWithResources | None":
        row = found.values_list("pk", "resources").first()
        grant = self.of_token(row[0], token_id=uuid.uuid4()) if row else None
        return (grant, tuple(row[1].split())) if row and grant else None

    def redeem(self, code: AuthorisationRow, *, now: datetime, expires_at: datetime) -> bool:
        """
        Replace a pending code by its grant, under the same primary key; True for exactly one of all callers that try.

        The grant keeps what the code proved, so that a replay of the code finds it and can be told from a guess.
        """
        return _redeem.run(pk=code.pk, **columns_of_new(code, now=now, expires_at=expires_at))

    def rotate(self, grant: AuthorisationRow, *, now: datetime, expires_at: datetime) -> bool:
        """
        Move on to the next generation of refresh tokens; True for exactly one of all callers that try from this one.
        """
        rotated = _rotate.run(
            pk=grant.pk,
            current=grant.generation,
            generation=grant.generation + 1,
            refreshed_at=now,
            expires_at=expires_at,
            purge_at=purge_time(expires_at),
        )
        return rotated == 1

    def end(self, grant_id: UUID) -> bool:
        """End a grant and every token ever made from it; False if it had ended before."""
        return _end.run(pk=grant_id) == 1


class Grant(Authorisation):
    """A live authorisation, with the primary key and secret of the code that it was made from."""

    # None unless another server vouched for the user. No constraint, as for the consent: a grant without its issuer is
    # void.
    trusted_issuer = models.ForeignKey(
        "oauth_service.TrustedIssuer",
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="grants",
    )
    generation = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("connected"))
    refreshed_at = models.DateTimeField(_("last used"))

    objects = GrantManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        indexes = [
            models.Index(
                fields=["sign_in"], name="oauth_service_grant_sign_in", condition=models.Q(sign_in__isnull=False)
            ),
            models.Index(
                fields=["trusted_issuer"],
                name="oauth_service_grant_issuer",
                condition=models.Q(trusted_issuer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent} · {timezone.localtime(self.created_at):%Y-%m-%d %H:%M:%S %Z}"


@value_class(repr=False)
class TokenGrant:
    """
    The facts needed to use an access token: its grant with user and client, and whether the token itself was revoked.
    """

    pk: UUID
    secret: bytes
    scope: str
    expires_at: datetime
    token_is_revoked: bool
    openid: str
    sign_in_ended_at: datetime | None
    consent_ends_at: datetime | None
    client: ClientRow
    user: AbstractBaseUser
    user_is_active: bool

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "TokenGrant":
        """Make a row from columns: eight of the grant, then the client's, then the user's."""
        pk, secret, scope, expires_at, is_revoked, openid, ended_at, ends_at = columns[:8]
        client, user = columns[8 : 8 + len(COLUMNS)], columns[8 + len(COLUMNS) :]
        owner = users.user_from_row(user)
        is_active = bool(owner.is_active)
        if is_active and not users.are_plain():
            is_active = (found := users.admitted(owner.pk)) is not None
            owner = found or owner
        own = (pk, bytes(secret), scope, expires_at, is_revoked, openid, ended_at, ends_at)
        return cls(*own, ClientRow.of(client), owner, is_active)

    @property
    def ends_at(self) -> datetime:
        """The moment when the grant ends unless it is refreshed."""
        return lifecycle.no_later(self.expires_at, self.consent_ends_at)

    @property
    def client_is_active(self) -> bool:
        """True if the client may still act."""
        return self.client.is_active

    def __repr__(self) -> str:
        return f"TokenGrant({self.pk})"


GrantWithResources: TypeAlias = tuple[TokenGrant, tuple[str, ...]]
"""A grant, and the identifiers of its requested resources; empty if it is for the server's own resource."""

_OF_NO_ISSUER = models.Q(trusted_issuer__isnull=True)


def _of_token_rows_of_issuers() -> "models.QuerySet[Any, Any]":
    return _token_rows(_OF_NO_ISSUER | models.Q(trusted_issuer__is_active=True))


def _of_token_rows() -> "models.QuerySet[Any, Any]":
    # A server that trusts no issuers ignores all grants of issuers that it once trusted.
    return _token_rows(_OF_NO_ISSUER)


def _token_rows(of_issuer: models.Q) -> "models.QuerySet[Any, Any]":
    revoked = models.Exists(RevokedToken.objects.filter(pk=Placeholder("token_id", models.UUIDField())))
    grants = (
        Grant.objects.filter(pk=Placeholder("pk", models.UUIDField())).filter(of_issuer).annotate(is_revoked=revoked)
    )
    of_user = [f"consent__user__{name}" for name in users.columns()]
    own = ("pk", "secret", "scope", "expires_at", "is_revoked", "openid", "sign_in__ended_at", "consent__ends_at")
    return grants.values_list(*own, *OF_CLIENT, *of_user)


def _update_generation() -> "Query":
    current = Placeholder("current", models.PositiveBigIntegerField())
    rows = Grant.objects.filter(pk=Placeholder("pk", models.UUIDField()), generation=current)
    return update(rows, **placeholders(Grant, "generation", "refreshed_at", "expires_at", "purge_at"))


_row = select_row(lambda: Grant)
_of_token = Select(lambda: Grant, _of_token_rows, TokenGrant.of)
_of_token_of_issuers = Select(lambda: Grant, _of_token_rows_of_issuers, TokenGrant.of)
_give = Write(lambda: Grant, lambda: insert(Grant))
_redeem = ReplaceRow(
    lambda: Grant,
    delete=lambda: delete(AuthorizationCode.objects.filter(pk=Placeholder("pk", models.UUIDField()))),
    insert=lambda: insert(Grant),
)
_rotate = Write(lambda: Grant, _update_generation)
_end = Write(lambda: Grant, lambda: delete(Grant.objects.filter(pk=Placeholder("pk", models.UUIDField()))))
