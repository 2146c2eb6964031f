"""Setup of ours with SIZE live grants of as many users; signed-in users and tokens in stock are drawn at random."""

import dataclasses
import os
import random
import time
import uuid
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg

from .. import bulk
from ..operations import Facts, Player
from . import OURS, ours


def main(*, size: int, users: int, stock: int) -> None:
    """Fill the database."""
    facts = ours.prepare(1)
    _connect_one(facts)
    with psycopg.connect(autocommit=True) as connection:
        first = bulk.grow(connection, size)
        tokens = _tokens(connection, stock, size=size)
    cookies = _cookies(range(first, first + size), users)
    dataclasses.replace(facts, cookies=cookies, stock=tokens).tell()


def _connect_one(facts: Facts) -> None:
    from django.test import Client as Browser

    player = Player(name="one", port=0, paths=OURS.paths, facts=facts)
    browser = Browser(headers={"host": "127.0.0.1", "cookie": facts.cookies[0]})
    verifier = "v" * 43
    asked = player.authorization_request(verifier)
    answer = browser.get(f"{player.paths.authorise}?{urlencode(asked)}", secure=True)
    [code] = parse_qs(urlsplit(answer["Location"]).query)["code"]
    answer = browser.post(
        player.paths.token,
        urlencode(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": asked["redirect_uri"],
                "code_verifier": verifier,
                "client_id": facts.client_id,
                "client_secret": facts.client_secret,
            }
        ),
        content_type="application/x-www-form-urlencoded",
        secure=True,
    )
    if answer.status_code != 200:
        raise RuntimeError(answer.content)


def _cookies(ids: range, count: int) -> tuple[str, ...]:
    from django.contrib.auth.models import User

    from . import cast

    return tuple(cast.session_cookie(user) for user in User.objects.filter(pk__in=random.sample(ids, count)))


def _tokens(connection: psycopg.Connection, count: int, *, size: int) -> tuple[tuple[str, str], ...]:
    from oauth_service import conf
    from oauth_service.protocol import sealed

    share = min(100.0, 120 * count / size + 1)
    found = connection.execute(
        f"SELECT id, secret, generation FROM {bulk.GRANTS} TABLESAMPLE BERNOULLI (%s)",
        [share],
    ).fetchall()
    key = conf.token_keys()[0]
    tomorrow = int(time.time()) + 86_400
    return tuple(
        (
            sealed.seal(
                sealed.AccessToken(row_id=grant_id, token_id=uuid.uuid4(), expires_at=tomorrow, scope=""), key, secret
            ),
            sealed.seal(sealed.RefreshToken(grant_id=grant_id, generation=generation), key, secret),
        )
        for grant_id, secret, generation in random.sample(found, count)
    )


if __name__ == "__main__":
    main(size=int(os.environ["SIZE"]), users=int(os.environ["USERS"]), stock=int(os.environ["STOCK"]))
