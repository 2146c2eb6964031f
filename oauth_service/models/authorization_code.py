"""AuthorizationCode: a pending code, deleted when it is exchanged (RFC 6749 section 4.1.2)."""

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..compiled.statement import Write, insert
from ..database import PrimaryManager
from .authorisation import Authorisation, AuthorisationRow, new_secret, select_row


class AuthorizationCodeManager(PrimaryManager["AuthorizationCode"]):
    def row(self, code_id: UUID) -> AuthorisationRow | None:
        """Return a pending code with its consent, user and client, in one statement; None if there is none."""
        return _row.one(pk=code_id)

    def give(
        self,
        *,
        consent_id: Any,
        scope: str,
        redirect_uri: str,
        code_challenge: str,
        expires_at: datetime,
        openid: str = "",
        sign_in_id: UUID | None = None,
        resources: str = "",
    ) -> tuple[UUID, bytes]:
        """
        Store a new pending code.

        Args:
            openid: protocol.openid.Context as text; "" without OpenID Connect.
            sign_in_id: None without OpenID Connect.
            resources: identifiers, separated by spaces; "" if the request named none.

        Returns:
            the code's id, and the secret that seals it.
        """
        code_id, secret = uuid.uuid4(), new_secret()
        _insert.run(
            id=code_id,
            consent_id=consent_id,
            secret=secret,
            scope=scope,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            resources=resources,
            openid=openid,
            sign_in_id=sign_in_id,
            expires_at=expires_at,
            purge_at=expires_at,
        )
        return code_id, secret


class AuthorizationCode(Authorisation):
    """A code that has not been exchanged yet."""

    objects = AuthorizationCodeManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("authorization code")
        verbose_name_plural = _("authorization codes")


_row = select_row(
    lambda: AuthorizationCode,
    generation=models.Value(0),
    created_at=models.F("expires_at"),
    refreshed_at=models.F("expires_at"),
)
_insert = Write(lambda: AuthorizationCode, lambda: insert(AuthorizationCode))
