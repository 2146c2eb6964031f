"""
Common parts of the two bare subjects: one statement per operation, with the same durable writes and checks as ours.

No layers, no settings, no events, no error texts: a refusal is a bare 400 or 401. A lower bound, not a server.
"""

import base64
import hashlib
import hmac
import os
import secrets
import struct
import time
import uuid
from collections.abc import Mapping

import psycopg

from ..operations import REDIRECT_URI, SCOPE, Facts

SCHEMA = """
CREATE TABLE account (id bigint PRIMARY KEY, username text NOT NULL, email text NOT NULL, first_name text NOT NULL,
    last_name text NOT NULL, is_active boolean NOT NULL);
CREATE TABLE session (key text PRIMARY KEY, user_id bigint NOT NULL, expires_at timestamptz NOT NULL);
CREATE TABLE client (client_id text PRIMARY KEY, secret_hash bytea NOT NULL, redirect_uri text NOT NULL);
CREATE TABLE consent (user_id bigint, client_id text, scope text NOT NULL, PRIMARY KEY (user_id, client_id));
CREATE TABLE code (id bytea PRIMARY KEY, user_id bigint NOT NULL, client_id text NOT NULL, scope text NOT NULL,
    redirect_uri text NOT NULL, code_challenge text NOT NULL, expires_at timestamptz NOT NULL);
CREATE TABLE grant_ (id uuid PRIMARY KEY, user_id bigint NOT NULL, client_id text NOT NULL, scope text NOT NULL,
    generation bigint NOT NULL, expires_at timestamptz NOT NULL);
"""
AUTHORISE = """
INSERT INTO code SELECT %s, s.user_id, c.client_id, n.scope, c.redirect_uri, %s, now() + interval '1 minute'
FROM session s JOIN account a ON a.id = s.user_id JOIN consent n ON n.user_id = s.user_id JOIN client c USING (client_id)
WHERE s.key = %s AND s.expires_at > now() AND a.is_active AND c.client_id = %s AND c.redirect_uri = %s AND n.scope = %s
"""
CODE = """
WITH spent AS (
    DELETE FROM code USING client c WHERE code.id = %s AND code.client_id = c.client_id AND c.client_id = %s
    AND c.secret_hash = %s AND code.redirect_uri = %s AND code_challenge = %s AND expires_at > now() RETURNING code.*
)
INSERT INTO grant_ SELECT %s, user_id, client_id, scope, 0, now() + interval '30 days' FROM spent RETURNING scope
"""
REFRESH = """
UPDATE grant_ g SET generation = generation + 1, expires_at = now() + interval '30 days'
FROM client c, account a WHERE g.id = %s AND g.generation = %s AND g.expires_at > now() AND g.client_id = c.client_id
AND c.client_id = %s AND c.secret_hash = %s AND a.id = g.user_id AND a.is_active RETURNING g.scope
"""
BEARER = """
SELECT a.id, a.username, a.email, a.first_name, a.last_name FROM grant_ g JOIN account a ON a.id = g.user_id
WHERE g.id = %s AND g.expires_at > now() AND a.is_active
"""
REVOKE = """
DELETE FROM grant_ g USING client c WHERE g.id = %s AND g.client_id = c.client_id AND c.client_id = %s AND c.secret_hash = %s
"""

_KEY = hashlib.sha256(b"the key of the bare subjects").digest()
_PAYLOAD = struct.Struct("!16sQ")


class Refused(Exception):
    """The request is refused, without a reason."""


def authorise(connection: psycopg.Connection, query: Mapping[str, str], session_key: str) -> str:
    """URL to redirect the browser to."""
    code = secrets.token_urlsafe(32)
    if query["response_type"] != "code" or query["code_challenge_method"] != "S256":
        raise Refused
    made = connection.execute(
        AUTHORISE,
        [_hash(code), query["code_challenge"], session_key, query["client_id"], query["redirect_uri"], query["scope"]],
        prepare=True,
    )
    if made.rowcount != 1:
        raise Refused
    return f"{query['redirect_uri']}?code={code}&state={query['state']}"


def token(connection: psycopg.Connection, form: Mapping[str, str]) -> dict[str, object]:
    """Members of the token response."""
    client = [form["client_id"], _hash(form["client_secret"])]
    if form["grant_type"] == "authorization_code":
        grant_id, generation = uuid.uuid4(), 0
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        values = [_hash(form["code"]), *client, form["redirect_uri"], challenge, grant_id]
        row = connection.execute(CODE, values, prepare=True).fetchone()
    else:
        grant_id, generation = _read(b"refresh", form["refresh_token"])
        row = connection.execute(REFRESH, [grant_id, generation, *client], prepare=True).fetchone()
        generation += 1
    if row is None:
        raise Refused
    return {
        "access_token": _seal(b"access", grant_id, int(time.time()) + 3600),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": _seal(b"refresh", grant_id, generation),
        "scope": row[0],
    }


def userinfo(connection: psycopg.Connection, authorization: str) -> dict[str, object]:
    """The same claims as ours at /userinfo/."""
    grant_id, expires_at = _read(b"access", authorization.removeprefix("Bearer "))
    if expires_at <= time.time():
        raise Refused
    row = connection.execute(BEARER, [grant_id], prepare=True).fetchone()
    if row is None:
        raise Refused
    user_id, username, email, first_name, last_name = row
    return {
        "sub": str(user_id),
        "username": username,
        "email": email,
        "name": f"{first_name} {last_name}",
        "given_name": first_name,
        "family_name": last_name,
        "preferred_username": username,
    }


def revoke(connection: psycopg.Connection, form: Mapping[str, str]) -> None:
    """Delete the grant of a refresh token."""
    grant_id, _ = _read(b"refresh", form["token"])
    connection.execute(REVOKE, [grant_id, form["client_id"], _hash(form["client_secret"])], prepare=True)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _seal(kind: bytes, grant_id: uuid.UUID, number: int) -> str:
    payload = _PAYLOAD.pack(grant_id.bytes, number)
    return base64.urlsafe_b64encode(payload + hmac.digest(_KEY, kind + payload, "sha256")).decode()


def _read(kind: bytes, text: str) -> tuple[uuid.UUID, int]:
    sealed = base64.urlsafe_b64decode(text)
    payload, mac = sealed[: _PAYLOAD.size], sealed[_PAYLOAD.size :]
    if not hmac.compare_digest(mac, hmac.digest(_KEY, kind + payload, "sha256")):
        raise Refused
    grant_id, number = _PAYLOAD.unpack(payload)
    return uuid.UUID(bytes=grant_id), number


def main(count: int) -> None:
    """Fill the database that libpq's environment names."""
    secret = secrets.token_urlsafe(32)
    keys = [secrets.token_urlsafe(24) for _ in range(count)]
    with psycopg.connect() as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO client VALUES ('benchmark', %s, %s)", [_hash(secret), REDIRECT_URI])
        for number, key in enumerate(keys):
            name = f"user{number}"
            connection.execute(
                "INSERT INTO account VALUES (%s, %s, %s, 'Alice', 'Liddell', true)",
                [number, name, f"{name}@example.com"],
            )
            connection.execute("INSERT INTO session VALUES (%s, %s, now() + interval '14 days')", [key, number])
            connection.execute("INSERT INTO consent VALUES (%s, 'benchmark', %s)", [number, SCOPE])
    cookies = tuple(f"sessionid={key}" for key in keys)
    Facts(client_id="benchmark", client_secret=secret, cookies=cookies).tell()


if __name__ == "__main__":
    main(int(os.environ["USERS"]))
