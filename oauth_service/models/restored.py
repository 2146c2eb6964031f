"""
Cleanup after a backup was restored (docs/backups.md).

The rows of a backup are in the state of the moment when it was made. Codes and tokens that were revoked or used since,
and sign-ins that ended since, are valid again, and the database cannot tell them from the others. So all of them are
ended. Deleting the row of a code or token is enough, and requests cost no extra check.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connections, models

from .. import database
from .audit_event import AuditEvent
from .authorization_code import AuthorizationCode
from .client import Client
from .consent import Consent, serialise_deletions
from .delivery import Delivery
from .device_code import DeviceCode
from .document import Document
from .grant import Grant
from .initial_access_token import InitialAccessToken
from .once import Once
from .registration import Registration
from .resource import Resource
from .revoked_token import RevokedToken
from .session_mark import SessionMark
from .sign_in import SignIn, SignInClient
from .signing_key import SigningKey
from .trusted_issuer import TrustedIssuer

# The same order as in a withdrawal. Deleting the consents ends everything; the other deletions keep the tables small.
ENDED: Mapping[type[models.Model], str] = {
    Consent: "a withdrawn consent would be valid again; without it, users are asked again",
    AuthorizationCode: "a used code could be exchanged again",
    DeviceCode: "a used code could be redeemed again, and a denied one could be allowed",
    Grant: "a connection that was revoked or ended for theft would be alive, and its refresh tokens a step behind",
    RevokedToken: "it lists tokens that have ended anyway",
    SignIn: "a session that was signed out would be alive; the tokens issued in it have ended",
    SignInClient: "it belongs to a sign-in",
    SigningKey: "a key that was retired because it leaked would be trusted; new keys are made when they are needed",
}
KEPT: Mapping[type[models.Model], str] = {
    Client: "the operator registered it; its previous secret ends, and its newest one on request",
    Resource: "the operator registered it",
    Registration: "its token reads, changes and deletes the registration of its own client, and nothing else",
    InitialAccessToken: "the operator knows who received it; each is revoked, because it may have been revoked since",
    Delivery: "a client may be notified of a sign-out twice, which changes nothing",
    Document: "it is public, and is fetched again when it is stale",
    AuditEvent: "it grants no access",
    TrustedIssuer: "the operator registered it, and checks whether it was switched off since",
    SessionMark: "sessions that it ended must stay ended",
    Once: "used values must stay used",
}


def end_what_was_restored(*, keeps_signing_keys: bool, ends_client_secrets: bool) -> dict[type[models.Model], int]:
    """
    End everything that was issued, in one transaction.

    Args:
        keeps_signing_keys: keep them, if it is certain that none was retired after the backup.
        ends_client_secrets: also end the newest secret of each client, which then needs a new one to get tokens.

    Returns:
        how many rows of each model ended; for clients, how many lost a secret.
    """

    def run() -> dict[type[models.Model], int]:
        serialise_deletions(connections[database.ours()], alone=True)
        ended: dict[type[models.Model], int] = {}
        for model in ENDED:
            if model is SigningKey and keeps_signing_keys:
                continue
            rows: Any = model._default_manager.using(database.primary(model)).all()
            ended[model] = rows._raw_delete(rows.db)
        ended[InitialAccessToken] = InitialAccessToken.objects.revoke_all()
        ended[Client] = Client.objects.end_secrets(newest=ends_client_secrets)
        return ended

    return database.run_transaction(run)
