"""
The authorization server as this app sees it: five requests, and the ways in which they fail.

The client is Authlib's OAuth2Session. Authlib's Django integration is built on it, but covers only the first half of
the lifecycle, without renewal and revocation. Token and revocation requests carry their parameters as JSON, as the
lifecycle guide does: Authlib accepts custom client authentication, and ours also rewrites the body.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from prescription_manager_app.conf import LOOPBACK, Registration
from prescription_manager_app.models.connection import Tokens
from prescription_manager_app.outcomes import AccessTokenRefusedError, FailedError, Outcome, failure_of

TIMEOUT_SECONDS = (3.05, 10)  # seconds to connect, and between two bytes of the response
LONGEST_LIFETIME = timedelta(days=3650)

Observe = Callable[[int, requests.Response], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Alice's account, as the server describes it."""

    sub: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """
    The server of a registration.

    Every method but authorization_url() sends one request, and raises FailedError with an outcome that Alice can be
    shown.

    Attributes:
        observe: called with each response and its step of the guide; None if nothing is recorded.
    """

    registration: Registration
    observe: Observe | None = None

    def authorization_url(self, *, state: str, code_verifier: str) -> str:
        """URL for Alice's browser: Step 1, with PKCE S256 (RFC 7636)."""
        with self._session(step=1) as session:
            url, _ = session.create_authorization_url(
                self.registration.url("/authorise/"),
                scope=self.registration.scope,
                state=state,
                code_verifier=code_verifier,
            )
        return str(url)

    def exchange(self, *, code: str, code_verifier: str, now: datetime) -> Tokens:
        """Exchange a code for tokens: Steps 4 and 5."""
        with _failures_in_words(), self._session(step=4) as session:
            answer = session.fetch_token(
                self.registration.url("/token/"),
                grant_type="authorization_code",
                code=code,
                code_verifier=code_verifier,
            )
            return _tokens(answer, now=now)

    def refresh(self, refresh_token: str, *, now: datetime) -> Tokens:
        """
        Exchange a refresh token for new tokens: Step 7.

        Raises:
            FailedError: with CONNECTION_ENDED if the server has ended the connection.
        """
        try:
            with _failures_in_words(), self._session(step=7) as session:
                answer = session.refresh_token(self.registration.url("/token/"), refresh_token=refresh_token)
                return _tokens(answer, now=now, refresh_token=refresh_token)
        except FailedError as failure:
            if failure.detail == "invalid_grant":
                raise FailedError(Outcome.CONNECTION_ENDED, failure.detail) from failure
            raise

    def userinfo(self, access_token: str) -> Profile:
        """
        Ask the server who Alice is: Step 6.

        Raises:
            AccessTokenRefusedError: the access token is dead; a refresh may help.
        """
        token = {"access_token": access_token, "token_type": "Bearer"}  # without expires_at Authlib does not renew it
        with _failures_in_words(), self._session(step=6, token=token) as session:
            answer: requests.Response = session.get(self.registration.url("/userinfo/"))
            if answer.status_code == 401:
                raise AccessTokenRefusedError
            _raise_for_status(answer)
            return _profile(answer.json())

    def revoke(self, token: str) -> None:
        """Revoke a token; access tokens end with their refresh token: Step 9 (RFC 7009)."""
        with _failures_in_words(), self._session(step=9) as session:
            answer: requests.Response = session.revoke_token(self.registration.url("/oauth/revoke/"), token=token)
            _raise_for_status(answer)

    @contextlib.contextmanager
    def _session(self, *, step: int, token: dict[str, str] | None = None) -> Iterator[Any]:
        """Authlib's session for one request; it is untyped."""
        session = OAuth2Session(
            client_id=self.registration.client_id,
            client_secret=self.registration.client_secret,
            redirect_uri=self.registration.redirect_uri,
            token_endpoint_auth_method=CLIENT_SECRET_JSON,
            revocation_endpoint_auth_method=CLIENT_SECRET_JSON,
            code_challenge_method="S256",
            token=token,
            default_timeout=TIMEOUT_SECONDS,
            max_redirects=0,  # a redirect would carry the secret or the token to another server
            trust_env=urlsplit(self.registration.issuer).hostname not in LOOPBACK,  # no proxy for this machine
        )
        session.register_client_auth_method((CLIENT_SECRET_JSON, _encode_client_secret_json))
        if self.observe is not None:
            observe = self.observe
            session.hooks["response"].append(lambda response, **_: observe(step, response))
        with session:
            yield session


CLIENT_SECRET_JSON = "client_secret_json"


def _encode_client_secret_json(
    client: Any, method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Authlib's hook for client authentication: turns the form it has built into JSON and adds the credentials."""
    parameters = dict(parse_qsl(body, keep_blank_values=True))
    parameters |= {"client_id": client.client_id, "client_secret": client.client_secret}
    headers["Content-Type"] = "application/json"
    return uri, headers, json.dumps(parameters)


@contextlib.contextmanager
def _failures_in_words() -> Iterator[None]:
    """
    Turn any failure of a request into a FailedError.

    ValueError, TypeError and OverflowError come from reading a response that does not follow RFC 6749 section 5.1;
    Authlib converts its members without checking them.
    """
    try:
        yield
    except requests.Timeout as error:
        raise FailedError(Outcome.SERVER_TIMEOUT, "no answer in time") from error
    except requests.TooManyRedirects as error:
        raise FailedError(Outcome.MALFORMED_ANSWER, "a redirect where none belongs") from error
    except requests.ConnectionError as error:
        raise FailedError(Outcome.SERVER_UNREACHABLE, "no connection") from error
    except requests.HTTPError as error:
        raise _failure_of_status(error.response.status_code) from error
    except OAuthError as error:
        raise failure_of(error.error) from error
    except (requests.RequestException, ValueError, TypeError, OverflowError) as error:
        raise FailedError(Outcome.MALFORMED_ANSWER, "an answer that cannot be read") from error


def _raise_for_status(answer: requests.Response) -> None:
    if answer.status_code == 200:
        return
    with contextlib.suppress(ValueError):
        match answer.json():
            case {"error": str(error)}:
                raise failure_of(error)
    raise _failure_of_status(answer.status_code)


def _failure_of_status(status: int) -> FailedError:
    if status >= 500 or status == 429:
        return FailedError(Outcome.SERVER_ERROR, f"status {status}")
    return FailedError(Outcome.MALFORMED_ANSWER, f"status {status}")


def _tokens(answer: Mapping[str, object], *, now: datetime, refresh_token: str = "") -> Tokens:
    """
    Read a token response (RFC 6749 section 5.1).

    Args:
        refresh_token: the one that was used; it stays valid if the server sends no other (section 6).

    Raises:
        ValueError: the response is malformed.
    """
    match answer:
        case {"access_token": str(access_token), "token_type": str(token_type)} if access_token:
            pass
        case _:
            raise ValueError("access_token or token_type is missing")
    if token_type.lower() != "bearer":
        raise ValueError("token_type is not Bearer")
    new_refresh_token = answer.get("refresh_token", refresh_token)
    if not isinstance(new_refresh_token, str):
        raise ValueError("refresh_token is not a string")
    expires_at = None
    if "expires_in" in answer:
        expires_in = answer["expires_in"]
        if not isinstance(expires_in, int) or isinstance(expires_in, bool) or expires_in < 0:
            raise ValueError("expires_in is not a number of seconds")
        expires_at = now + min(timedelta(seconds=expires_in), LONGEST_LIFETIME)
    return Tokens(access_token=access_token, refresh_token=new_refresh_token, expires_at=expires_at)


def _profile(answer: object) -> Profile:
    """
    Read a userinfo response. A user who has allowed no name is called by the user name or "you".

    Raises:
        ValueError: the response has no valid `sub`.
    """
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    sub = answer.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= 255 or not sub.isprintable():
        raise ValueError("sub is missing, or not a subject identifier (OIDC Core section 2)")
    names = (answer.get(claim) for claim in ("name", "preferred_username", "username"))
    return Profile(sub=sub, name=next((name for name in names if isinstance(name, str) and name), "you"))
