"""A security console: a client that may sign users out everywhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client
from tests.actors import JSON, SECRET, basic, through_the_entry


def console_of(client_id: str, **columns: Any) -> "Console":
    """A console whose client is registered for this and nothing else."""
    known = {"name": "Console", "grant_types": "client_credentials", "may_revoke_users": True} | columns
    client = Client(client_id=client_id, **known)
    client.choose_secret(SECRET)
    client.save()
    return Console(client)


@dataclass
class Console:
    """A security console and its requests to the endpoint."""

    client: Client
    server: Browser = field(default_factory=through_the_entry)

    def revoke(
        self,
        sub_id: Any,
        *,
        credentials: tuple[str, str] | None = None,
        is_basic: bool = True,
        also: str = "",
        **members: str,
    ) -> Any:
        """
        POST /global-token-revocation/.

        Args:
            sub_id: the subject identifier; None for none, and "null" for JSON's null.
            credentials: client_id and secret, its own by default.
            also: client_id of another console, which is registered first.
        """
        if also:
            console_of(also)
        body: dict[str, Any] = dict(members)
        if sub_id is not None:
            body["sub_id"] = None if sub_id == "null" else sub_id
        headers = {"Authorization": basic(*(credentials or (self.client.client_id, SECRET)))} if is_basic else {}
        return self.server.post("/global-token-revocation/", json.dumps(body), content_type=JSON, headers=headers)

    def end(self, user: User, **changes: Any) -> Any:
        """End all connections and sessions of a user."""
        return self.revoke({"format": "opaque", "id": str(user.pk)}, **changes)


def users_of_tenant(sub_id: Mapping[str, str], client_id: str) -> list[User]:
    """A project's function that lets the console name every user of its tenant, and lets other clients name none."""
    return list(User.objects.all()) if (sub_id["format"], client_id) == ("tenant", "console") else []
