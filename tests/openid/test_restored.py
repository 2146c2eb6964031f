"""After a backup is restored, what ended since is alive again until manage.py oauth_restored runs (docs/backups.md)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import AuditEvent, AuthorizationCode, Client, Consent, DeviceCode, Grant, SigningKey
from oauth_service.models.restored import ENDED, KEPT
from oauth_service.tokens import keys
from tests.actors import FORM, through_the_entry
from tests.database import ALIAS
from tests.openid.conftest import RelyingParty, answer_of

OURS = tuple(apps.get_app_config("oauth_service").get_models())
OFFLINE = "openid offline_access"
Committed = Callable[[], AbstractContextManager[object]]
Alive = Callable[[], bool]
Scenario = Callable[[RelyingParty], tuple[Callable[[], object], Alive]]


@contextmanager
def restored(tmp_path: Path) -> Iterator[None]:
    """Make a backup, run the block, and restore the backup."""
    dump = tmp_path / "backup.json"
    call_command("dumpdata", "oauth_service", "sessions", database=ALIAS, output=str(dump), verbosity=0)
    yield
    for model in (*OURS, Session):
        model._default_manager.using(ALIAS).all()._raw_delete(ALIAS)  # type: ignore[attr-defined]
    call_command("loaddata", str(dump), database=ALIAS, verbosity=0)
    keys.forget()  # as the servers were restarted


def oauth_restored(*options: str) -> str:
    """Run the command, and return its output."""
    said = StringIO()
    call_command("oauth_restored", "--noinput", *options, stdout=said)
    return said.getvalue()


# -- things that a backup revives: how each ended after the backup, and how to check if it is alive --------------------


def revoked_access_token(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    token = rp.tokens()["access_token"]
    return lambda: revoke(rp, token), lambda: rp.userinfo(token).status_code == 200


def revoked_connection(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    token = rp.tokens()["refresh_token"]
    return lambda: revoke(rp, token), lambda: rp.refresh(token).status_code == 200


def used_code(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    code = rp.connect()["code"]
    return lambda: rp.exchange(code), lambda: rp.exchange(code).status_code == 200


def replaced_refresh_token(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    """The holder of an old token would be two generations ahead of the owner, whose token would then be unknown."""
    first = rp.tokens()["refresh_token"]

    def go_on() -> None:
        newest = rp.refresh(rp.refresh(first).json()["refresh_token"]).json()["refresh_token"]
        assert rp.refresh(first).status_code == 400
        assert rp.refresh(newest).status_code == 400  # the replay has ended it

    return go_on, lambda: rp.refresh(first).status_code == 200


def withdrawn_consent(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    rp.tokens()
    return (
        lambda: rp.browser.post("/oauth/deauthorise/", "client_id=rp", content_type=FORM),
        lambda: "code" in answer_of(rp.ask(prompt="none")),
    )


def signed_out_session(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    """Somebody may have copied the session's cookie."""
    rp.connect()
    cookie = rp.browser.cookies["sessionid"].value

    def is_signed_in() -> bool:
        copy = through_the_entry()
        copy.cookies["sessionid"] = cookie
        return copy.get("/manage-apps/").status_code == 200

    return lambda: rp.browser.post("/logout/"), is_signed_in


def grant_of_a_sign_in_that_was_ended(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    token = rp.tokens()["access_token"]
    return lambda: rp.browser.post("/logout/"), lambda: rp.userinfo(token).status_code == 200


def grant_of_a_user_who_was_cut_off_in_the_admin(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    token = rp.tokens(scope=OFFLINE)["access_token"]
    return lambda: Consent.objects.withdraw(Consent.objects.get()), lambda: rp.userinfo(token).status_code == 200


def retired_signing_key(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    """The holder of the key can sign users in at every client."""
    rp.tokens()
    [kid] = SigningKey.objects.values_list("kid", flat=True)

    def is_published() -> bool:
        return kid in [each["kid"] for each in rp.server.get("/jwks/").json()["keys"]]

    return lambda: keys.retire(kid, now=timezone.now()), is_published


def earlier_secret(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    Client.objects.rotate_secret(rp.client)
    return lambda: Client.objects.end_previous_secret(rp.client), lambda: is_authenticated(rp)


def newest_secret(rp: RelyingParty) -> tuple[Callable[[], object], Alive]:
    def rotate() -> None:
        Client.objects.rotate_secret(rp.client)
        Client.objects.end_previous_secret(rp.client)

    return rotate, lambda: is_authenticated(rp)


def revoke(rp: RelyingParty, token: str) -> Any:
    """Send POST /oauth/revoke/."""
    return rp.server.post("/oauth/revoke/", urlencode({"token": token, **rp.credentials}), content_type=FORM)


def is_authenticated(rp: RelyingParty) -> bool:
    """Return whether SECRET authenticates the client."""
    status = rp.exchange("SPL__x").status_code
    assert status in (400, 401)
    return bool(status == 400)


SCENARIOS: dict[Scenario, tuple[str, ...]] = {
    revoked_access_token: (),
    revoked_connection: (),
    used_code: (),
    replaced_refresh_token: (),
    withdrawn_consent: ("--keep-sessions",),
    signed_out_session: (),
    grant_of_a_sign_in_that_was_ended: (),
    grant_of_a_user_who_was_cut_off_in_the_admin: (),
    retired_signing_key: (),
    earlier_secret: (),
    newest_secret: ("--end-client-secrets",),
}


@pytest.mark.parametrize(("scenario", "options"), SCENARIOS.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_what_was_ended_after_the_backup_ends_again(
    rp: RelyingParty, tmp_path: Path, scenario: Scenario, options: tuple[str, ...]
) -> None:
    """The database itself does not show that it had ended."""
    end, is_alive = scenario(rp)
    with restored(tmp_path):
        end()
        assert not is_alive()
    assert is_alive_for_a_look(is_alive)
    oauth_restored(*options)
    assert not is_alive()


def is_alive_for_a_look(is_alive: Alive) -> bool:
    """Check, and restore the state of the database."""
    from django.db import transaction

    with transaction.atomic(using=ALIAS):
        found = is_alive()
        transaction.set_rollback(True, using=ALIAS)
    keys.forget()
    return found


# -- guarantees about every table --------------------------------------------------------------------------------------


def test_every_table_says_what_becomes_of_it() -> None:
    """A developer who adds a table must list it here, with a reason."""
    assert (set(ENDED) | set(KEPT), set(ENDED) & set(KEPT)) == (set(OURS), set())
    assert [model for model, reason in {**ENDED, **KEPT}.items() if len(reason) < 10] == []


def test_what_ends_has_no_rows_left_and_what_stays_has_all(rp: RelyingParty) -> None:
    """The command runs on rows of every kind. A table of the wrong group would show."""
    rp.client.backchannel_logout_uri = "https://rp.example/backchannel"
    rp.client.save()
    revoke(rp, rp.tokens(scope=OFFLINE)["access_token"])
    rp.connect()
    now = timezone.now()
    DeviceCode.objects.create(client=rp.client, requested_at=now, next_poll_at=now, expires_at=now, purge_at=now)
    stays = {model: set(model._default_manager.values_list("pk", flat=True)) for model in KEPT}
    assert [model for model in ENDED if not model._default_manager.exists()] == []
    oauth_restored()
    assert [model for model in ENDED if model._default_manager.exists()] == []
    assert [model for model in KEPT if stays[model] - set(model._default_manager.values_list("pk", flat=True))] == []


def test_an_exchange_under_way_gets_nothing(rp: RelyingParty) -> None:
    """A server that was not stopped may have read the code before the command, and write its grant afterwards."""
    rp.connect()
    code = AuthorizationCode.objects.get()
    row = AuthorizationCode.objects.row(code.pk)
    assert row
    oauth_restored()
    assert Grant.objects.redeem(row, now=timezone.now(), expires_at=row.expires_at) is False
    assert Grant.objects.row(code.pk) is None


def test_life_goes_on(rp: RelyingParty) -> None:
    """Users can sign in and allow apps again. A second run of the command ends what they did in the meantime."""
    rp.tokens()
    oauth_restored()
    tokens = rp.tokens()
    assert rp.claims(tokens["id_token"])["sub"] == str(rp.user.pk)
    assert rp.userinfo(tokens["access_token"]).status_code == 200
    oauth_restored()
    assert rp.userinfo(tokens["access_token"]).status_code == 401


def test_a_session_that_is_kept_connects_again(rp: RelyingParty) -> None:
    """The session has lost its sign-in, which must not make new tokens void."""
    rp.tokens()
    oauth_restored("--keep-sessions")
    page = rp.ask()
    assert page.status_code == 200  # the user is asked again, but need not sign in again
    code = answer_of(rp.allow(page))["code"]
    assert rp.userinfo(rp.exchange(code).json()["access_token"]).status_code == 200


# -- the command ---------------------------------------------------------------------------------------------------------


def test_it_is_an_event(rp: RelyingParty, committed: Committed) -> None:
    """Auditors must see why everything ended, so the trail continues with this event."""
    rp.tokens()
    with committed():
        oauth_restored()
    found = AuditEvent.objects.get(event="backup_restored")
    assert (found.reason, found.user_id) == ("1 consents, 0 client secrets, 1 signing keys, 1 sessions", None)


def test_it_says_how_much_has_ended(rp: RelyingParty, settings: Settings) -> None:
    """The output also names what the command cannot know."""
    rp.tokens()
    said = oauth_restored()
    lines = [f"{what}: {count}" for what, count in (("tokens", 1), ("secrets that ended", 0), ("keys that ended", 1))]
    assert [line for line in (*lines, "Sessions that ended: 1") if line not in said] == []
    assert "rotate_secret" in said
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert "Sessions are not in the database, and go on." in oauth_restored()


def test_signing_keys_can_be_kept(rp: RelyingParty) -> None:
    """The option is for operators who are certain that no key was retired."""
    token = rp.tokens()["id_token"]
    assert "Signing keys" not in oauth_restored("--keep-signing-keys")
    assert rp.claims(token)["sub"] == str(rp.user.pk)


@pytest.mark.parametrize("answer", ["no", "", "y", "yes"])
def test_a_person_is_asked_first(
    rp: RelyingParty, monkeypatch: pytest.MonkeyPatch, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends the connections of every user."""
    rp.tokens()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _prompt: answer)
    if answer == "yes":
        call_command("oauth_restored")
    else:
        with pytest.raises(CommandError, match="Nothing was changed"):
            call_command("oauth_restored")
    assert Consent.objects.exists() is (answer != "yes")
    assert "Everything that was issued before ends" in capsys.readouterr().out


def test_without_a_terminal_the_command_needs_noinput(rp: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that runs the command by mistake stops here."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(CommandError, match="--noinput"):
        call_command("oauth_restored", stdout=StringIO())


def test_secrets_end_only_where_that_was_asked_for(rp: RelyingParty, alice: User) -> None:
    """A public client has no secret, and a client with one secret keeps it."""
    Client.objects.create(client_id="spa", client_type="public", name="SPA", redirect_uris="https://spa.example/cb")
    before = Client.objects.get(client_id="rp").secret_hash
    assert "Client secrets that ended: 0" in oauth_restored()
    assert Client.objects.get(client_id="rp").secret_hash == before
    assert is_authenticated(rp)
    assert "Client secrets that ended: 1" in oauth_restored("--end-client-secrets")
    assert not is_authenticated(rp)
