"""The real endpoints, driven in random sequences and compared with the model after every step."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from oauth_service.models import AuthorizationCode, Client, Consent, Grant, RevokedToken
from oauth_service.protocol import pkce
from oauth_service.protocol.device_code import GRANT_TYPE as DEVICE_CODE
from tests.database import ALIAS
from tests.device.actors import Device as Sender
from tests.device.actors import Visitor
from tests.exchanges import service_for
from tests.guide import REDIRECT_URI, SECRET, Guide, query_of
from tests.jwt_bearer.actors import USER_FUNCTION, trusted
from tests.stateful.model import RETRY_WINDOW, Access, App, Code, Device, Person, Refresh, Scope, World

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERIFIER = "stateful-verifier-of-at-least-forty-three-characters"
LOOPBACK = "http://127.0.0.1/callback"
WORDS = ("user", "profile")
DAY = 86_400
# Around every lifetime.
SPANS = (1, 59, 60, 61, 119, 120, 121)
LONG_SPANS = (1_800, 3_599, 3_600, DAY, 29 * DAY, 30 * DAY - 1, 30 * DAY, 32 * DAY)
CLAIMS = {"user": "username", "profile": "given_name"}  # claim that each scope alone reveals

names = st.sampled_from([("user", "profile"), ("user",), ("profile",)])


class Lifecycle(RuleBasedStateMachine):
    """Two users, an app with a secret and an app with PKCE, and every event that can affect them."""

    codes: Bundle[Code] = Bundle("codes")
    devices: Bundle[Device] = Bundle("devices")
    vouched: Bundle[Access] = Bundle("vouched")
    answers: Bundle[tuple[Access, Refresh]] = Bundle("answers")
    accesses = answers.map(lambda answer: answer[0])
    refreshes = answers.map(lambda answer: answer[1])

    people = st.sampled_from([0, 1])
    apps = st.sampled_from([0, 1])

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic(using=ALIAS)
        self.block.__enter__()
        self.clock = time_machine.travel(START, tick=False)
        self.travelled = self.clock.start()
        # All sequences count failures at the same moment; the limits have tests of their own.
        self.overridden = [
            override_settings(
                OAUTH_SERVICE_FAILURE_LIMIT=1_000_000,
                OAUTH_SERVICE_DEVICE_AUTHORIZATION=True,
                OAUTH_SERVICE_JWT_BEARER_USER=USER_FUNCTION,
            )
        ]
        self.overridden[0].enable()
        self.made_keys = 0
        self.world = World(now=int(START.timestamp()))
        self.set_keys()
        self.persons = [Person("alice"), Person("bob")]
        self.users = [
            User.objects.create_user(person.name, f"{person.name}@example.com", "wonderland", first_name=person.name)
            for person in self.persons
        ]
        self.with_secret = App("with_secret", REDIRECT_URI, WORDS, [SECRET])
        self.with_pkce = App("with_pkce", LOOPBACK, WORDS)
        self.all_apps = [self.with_secret, self.with_pkce]
        confidential = Client(
            client_id="with_secret",
            name="Secret",
            redirect_uris=REDIRECT_URI,
            requires_pkce=False,
            scope=" ".join(WORDS),
        )
        confidential.choose_secret(SECRET)
        confidential.save()
        public = Client.objects.create(
            client_id="with_pkce",
            name="PKCE",
            redirect_uris=LOOPBACK,
            client_type=Client.ClientType.PUBLIC,
            scope=" ".join(WORDS),
        )
        self.rows = [confidential, public]
        self.idp = trusted(confidential)
        for row in self.rows:
            row.grant_types += f" {DEVICE_CODE}"
            row.save()
        self.service = service_for(confidential, scope=" ".join(WORDS))
        public.exchangeable_by = self.service.client.client_id
        public.save()
        self.stale_secrets: list[str] = []

    def teardown(self) -> None:
        """Finally everyone is reactivated, nothing was lost, and each refresh token is tried, the newest first."""
        try:
            for number in (0, 1):
                if not self.persons[number].is_active:
                    self.switch_person(number)
                if not self.all_apps[number].is_active:
                    self.switch_app(number)
            self.tokens_live_as_long_as_they_should()
            for token in reversed(self.world.refreshes):
                self.present(token, token.grant.consent.app)
            self.tokens_live_as_long_as_they_should()
        finally:
            transaction.set_rollback(True, using=ALIAS)
            self.block.__exit__(None, None, None)
            for each in reversed(self.overridden):
                each.disable()
            self.clock.stop()

    @initialize(target=answers)
    def connect_all(self) -> Any:
        """Connect every user to every app."""
        return multiple(*(self.connect(person, app, WORDS) for person in (0, 1) for app in (0, 1)))

    # -- people --------------------------------------------------------------------------------------------------------

    @rule(target=codes, person=people, app=apps, scope=names, challenged=st.booleans())
    def allow(self, person: int, app: int, scope: Scope, challenged: bool) -> Any:
        """The user clicks Allow."""
        return self.allowed(person, app, scope, challenged=challenged)

    @rule(target=answers, person=people, app=apps, scope=names)
    def connects(self, person: int, app: int, scope: Scope) -> Any:
        """Allow and exchange at once, as on another device."""
        return self.connect(person, app, scope)

    @rule(person=people, app=apps, scope=names)
    def deny(self, person: int, app: int, scope: Scope) -> None:
        """The user clicks Deny: no code, no consent."""
        response = self.guide(person, app).answer(deny="1", **self.request(self.all_apps[app], scope, True))
        assert "code=" not in response.get("Location", "")

    @rule(target=codes, person=people, app=apps, scope=names)
    def ask(self, person: int, app: int, scope: Scope) -> Any:
        """The app sends the user, who may have consented before."""
        asked = self.all_apps[app]
        code = self.world.ask(self.persons[person], asked, scope, has_challenge=asked.is_public)
        response = self.guide(person, app).ask(**self.request(asked, scope, asked.is_public))
        return self.code_in(response, code)

    @rule(person=people, app=apps)
    def deauthorise(self, person: int, app: int) -> None:
        """The user disconnects the app."""
        self.world.deauthorise(self.persons[person], self.all_apps[app])
        assert self.guide(person, app).deauthorise().status_code == 302

    # -- apps ----------------------------------------------------------------------------------------------------------

    @rule(target=answers, code=codes)
    def exchange(self, code: Code) -> Any:
        """A code is exchanged, perhaps not for the first time."""
        return self.redeem(code)

    @rule(code=codes, fault=st.sampled_from(["redirect_uri", "code_verifier", "app"]))
    def exchange_without_proof(self, code: Code, fault: str) -> None:
        """A client that does not prove everything changes nothing."""
        app = code.consent.app
        other = self.all_apps[1 - self.all_apps.index(app)]
        changes = {
            "redirect_uri": {"redirect_uri": app.redirect_uri + "/x"},
            "code_verifier": {"code_verifier": "x" * 43},
            "app": {},
        }[fault]
        sender = other if fault == "app" else app
        assert self.world.exchange(code, sender, proves_all=False) is None
        answer = self.send(sender, "exchange", code.text, **({**self.proof(code), **changes}))
        assert answer.status_code in (400, 401)

    @rule(target=answers, token=refreshes, scope=st.just(()) | names)
    def refresh(self, token: Refresh, scope: Scope) -> Any:
        """A refresh token is used: the newest, the one before, or an older one."""
        return self.present(token, token.grant.consent.app, scope)

    @rule(target=answers, grant=refreshes)
    def refresh_the_newest(self, grant: Refresh) -> Any:
        """An honest client uses the newest refresh token of a grant."""
        return self.present(self.newest_of(grant), grant.grant.consent.app)

    @rule(target=answers, lost=refreshes, after=st.sampled_from([0, 1, RETRY_WINDOW, RETRY_WINDOW + 1]))
    def retry(self, lost: Refresh, after: int) -> Any:
        """A refresh whose response is lost, and the same refresh again after a while."""
        newest = self.newest_of(lost)
        self.present(newest, newest.grant.consent.app)
        self.shift(after)
        return self.present(newest, newest.grant.consent.app)

    @rule(answer=answers)
    def use_as_another(self, answer: tuple[Access, Refresh]) -> None:
        """Another app's tokens are refused and stay unharmed."""
        access, refresh = answer
        other = self.all_apps[1 - self.all_apps.index(refresh.grant.consent.app)]
        assert self.world.refresh(refresh, other) is None
        assert self.send(other, "refresh", refresh.text).status_code in (400, 401)
        self.revoke(refresh, other)
        self.revoke(access, other)

    @rule(token=accesses)
    def revoke_access(self, token: Access) -> None:
        """An access token is revoked alone."""
        self.revoke(token, token.grant.consent.app)

    @rule(token=refreshes)
    def revoke_refresh(self, token: Refresh) -> None:
        """A refresh token is revoked together with its grant."""
        self.revoke(token, token.grant.consent.app)

    @rule(token=accesses)
    def exchange_token(self, token: Access) -> None:
        """A service that an app calls gets a token of its own for the same user."""
        self.pass_on(token)

    @precondition(lambda self: self.stale_secrets)
    @rule(token=accesses | refreshes, data=st.data())
    def use_a_stale_secret(self, token: Access | Refresh, data: st.DataObject) -> None:
        """A secret that was rotated out authenticates nothing."""
        secret = data.draw(st.sampled_from(self.stale_secrets))
        guide = self.guide(0, 0)
        assert guide.revoke(token.text, client_secret=secret).status_code == 401
        assert guide.refresh(token.text, client_secret=secret).status_code == 401

    # -- devices and other servers -------------------------------------------------------------------------------------

    @rule(target=devices, app=apps, scope=names)
    def begin(self, app: int, scope: Scope) -> Any:
        """A device asks to be connected."""
        device = self.world.begin(self.all_apps[app], scope)
        response = self.device(app).begin(scope=" ".join(scope))
        assert (response.status_code == 200) == bool(device), response.content
        if device is None:
            return multiple()
        device.text, device.user_code = response.json()["device_code"], response.json()["user_code"]
        return device

    @rule(device=devices, person=people, allows=st.sampled_from([True, True, False]))
    def decide(self, device: Device, person: int, allows: bool) -> None:
        """A user enters the code of a waiting device, and allows or denies it."""
        if not (self.world.waits(device) and self.persons[person].is_active):
            return  # entering a code in vain counts as a guess, and guesses are limited
        visitor = Visitor(self.users[person])
        if not set(device.scope) & set(device.app.scope):  # the client lost the scope after the device had asked
            assert "was not connected" not in visitor.enter(device.user_code).content.decode()
            return
        if not allows:
            visitor.deny(device.user_code)
            self.world.deny(device)
            return
        is_allowed = self.world.approve(device, self.persons[person])
        page = visitor.allow(device.user_code)
        assert ("is connected" in page.content.decode()) == is_allowed, page.content

    @rule(target=answers, device=devices)
    def poll(self, device: Device) -> Any:
        """A device polls, perhaps not for the first time."""
        expected = self.world.poll(device)
        return self.tokens_in(self.device(self.all_apps.index(device.app)).poll(device.text), expected, device.app)

    @rule(target=vouched, person=people)
    def vouch(self, person: int) -> Any:
        """A trusted issuer vouches for a user."""
        access = self.world.vouch(self.persons[person], self.with_secret)
        self.idp.credentials = {"client_id": "with_secret", "client_secret": self.with_secret.secrets[-1]}
        response = self.idp.present(self.idp.jwt(sub=self.persons[person].name))
        if access is None:
            assert response.status_code == (400 if self.with_secret.is_active else 401), response.content
            return multiple()
        answer = response.json()
        access.text = answer["access_token"]
        assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
        assert set(answer["scope"].split()) == set(access.scope)
        assert answer["expires_in"] == access.expires_at - self.world.now
        return access

    @rule(token=vouched)
    def exchange_what_was_vouched_for(self, token: Access) -> None:
        """A service exchanges the token of such a user like any other."""
        self.pass_on(token)

    @rule(token=vouched)
    def revoke_what_was_vouched_for(self, token: Access) -> None:
        """The client revokes the token."""
        self.revoke(token, token.grant.consent.app)

    @rule(person=people, app=apps, seconds=st.sampled_from([None, 60, 1_800, DAY]))
    def limit(self, person: int, app: int, seconds: int | None) -> None:
        """A user chooses when an app is disconnected."""
        self.choose_end(person, app, seconds)

    # -- operators -----------------------------------------------------------------------------------------------------

    @rule(number=st.sampled_from([0, 1]), is_app=st.booleans())
    def switch(self, number: int, is_app: bool) -> None:
        """A user or client is deactivated or reactivated."""
        (self.switch_app if is_app else self.switch_person)(number)

    @rule(app=apps, scope=names | st.just(WORDS))
    def change_scope(self, app: int, scope: Scope) -> None:
        """A client gets less scope, or more again."""
        self.all_apps[app].scope = scope
        Client.objects.filter(client_id=self.all_apps[app].client_id).update(scope=" ".join(scope))

    @rule(rotates=st.booleans())
    def change_secret(self, rotates: bool) -> None:
        """The client's secret is rotated, so that two are valid; or the previous one is ended."""
        row = Client.objects.get(client_id="with_secret")
        newest, previous = self.with_secret.secrets[0], self.with_secret.secrets[1:]
        self.stale_secrets += previous
        if rotates:
            self.with_secret.secrets = [Client.objects.rotate_secret(row), newest]
        else:
            Client.objects.end_previous_secret(row)
            self.with_secret.secrets = [newest]

    @rule(name=st.sampled_from(["token_key", "secret_key"]), keeps=st.sampled_from([True, True, False]))
    def rotate_key(self, name: str, keeps: bool) -> None:
        """
        Replace OAUTH_SERVICE_TOKEN_KEY or SECRET_KEY; the old key becomes a fallback, or all fallbacks go.

        The first token key replaces SECRET_KEY, which then opens only what a fallback of its own names.
        """
        world = self.world
        if name == "token_key":
            before = (
                [world.token_key, *world.token_fallbacks]
                if world.token_key
                else [world.secret_key, *world.secret_fallbacks]
            )
            world.token_key, world.token_fallbacks = self.new_key(), before if keeps else []
        else:
            world.secret_fallbacks = [world.secret_key, *world.secret_fallbacks] if keeps else []
            world.secret_key = self.new_key()
        self.set_keys()

    @rule(seconds=st.sampled_from(SPANS))
    def pass_time(self, seconds: int) -> None:
        """Some time passes."""
        self.shift(seconds)

    @rule(seconds=st.sampled_from(LONG_SPANS))
    def pass_much_time(self, seconds: int) -> None:
        """Much time passes."""
        self.shift(seconds)

    @rule()
    def purge(self) -> None:
        """Rows that can never be used again are deleted."""
        call_command("purge", verbosity=0, stdout=StringIO())
        world = self.world
        assert AuthorizationCode.objects.count() == world.waiting_codes(unexpired=True)
        assert Grant.objects.count() <= world.standing_grants(expired_for=DAY)
        assert RevokedToken.objects.count() <= world.revoked_tokens(unexpired=True)

    # -- invariants ----------------------------------------------------------------------------------------------------

    @invariant()
    def the_newest_tokens_live_as_long_as_they_should(self) -> None:
        """Checked after each step; all tokens are checked now and then, and at the end."""
        self.look_at(self.world.accesses[-3:])

    @rule()
    def tokens_live_as_long_as_they_should(self) -> None:
        """Check every access token, with its current scope."""
        self.look_at(self.world.accesses)

    def look_at(self, tokens: Sequence[Access]) -> None:
        """Use access tokens."""
        for token in tokens:
            response = Browser().get("/userinfo/", headers={"Authorization": f"Bearer {token.text}"})
            scope = self.world.scope_of(token)
            expected = 401 if not self.world.admits(token) else 200 if scope else 403
            assert response.status_code == expected, (token, response.content)
            if response.status_code == 200:
                claims = response.json()
                assert {name for name, claim in CLAIMS.items() if claim in claims} == set(scope)
                assert claims["sub"] == str(self.users[self.persons.index(token.grant.consent.person)].pk)

    @invariant()
    def rows_are_as_many_as_what_lives(self) -> None:
        """Tokens, refreshes and retries add no rows."""
        world = self.world
        consents = Consent.objects.count()
        assert (
            sum(map(world.stands, world.consents)) <= consents <= sum(not each.is_withdrawn for each in world.consents)
        )
        codes = AuthorizationCode.objects.count()
        assert world.waiting_codes(unexpired=True) <= codes <= world.waiting_codes(unexpired=False)
        grants = Grant.objects.count()
        assert world.standing_grants(expired_for=0) <= grants <= world.standing_grants(expired_for=float("inf"))
        assert RevokedToken.objects.count() <= world.revoked_tokens(unexpired=False)

    # -- implementation ------------------------------------------------------------------------------------------------

    def connect(self, person: int, app: int, scope: Scope) -> Any:
        """Allow and exchange."""
        code = self.allowed(person, app, scope, challenged=False)
        return self.redeem(code) if isinstance(code, Code) else multiple()

    def allowed(self, person: int, app: int, scope: Scope, *, challenged: bool) -> Any:
        """The user clicks Allow."""
        asked = self.all_apps[app]
        challenged = challenged or asked.is_public
        code = self.world.allow(self.persons[person], asked, scope, has_challenge=challenged)
        response = self.guide(person, app).answer(**self.request(asked, scope, challenged))
        return self.code_in(response, code)

    def choose_end(self, person: int, app: int, seconds: int | None) -> None:
        """Set an end date, or clear it."""
        self.world.limit(self.persons[person], self.all_apps[app], seconds)
        if self.persons[person].is_active:
            now = timezone.now()
            mine = Consent.objects.filter(user=self.users[person], client=self.rows[app])
            for pk in mine.values_list("pk", flat=True):
                ends_at = None if seconds is None else now + timedelta(seconds=seconds)
                Consent.objects.set_end(pk, ends_at, now=now)

    def device(self, app: int) -> Sender:
        """A device of an app, with the oldest of its valid secrets."""
        asked = self.all_apps[app]
        secret = {"client_secret": asked.secrets[-1]} if asked.secrets else {}
        return Sender(self.rows[app], credentials={"client_id": asked.client_id, **secret})

    def switch_person(self, number: int) -> None:
        """Deactivate or reactivate a user."""
        person = self.persons[number]
        person.is_active = not person.is_active
        User.objects.filter(pk=self.users[number].pk).update(is_active=person.is_active)

    def switch_app(self, number: int) -> None:
        """Deactivate or reactivate a client."""
        app = self.all_apps[number]
        app.is_active = not app.is_active
        Client.objects.filter(client_id=app.client_id).update(is_active=app.is_active)

    def shift(self, seconds: int) -> None:
        """Let time pass, in the model and for the server."""
        self.world.now += seconds
        self.travelled.shift(seconds)

    def guide(self, person: int, app: int) -> Guide:
        """Messages of one user and one app."""
        return Guide(alice=self.users[person], client=self.rows[app])

    def request(self, app: App, scope: Scope, challenged: bool) -> dict[str, str]:
        """An authorization request."""
        challenge = {"code_challenge": pkce.challenge_of(VERIFIER), "code_challenge_method": "S256"}
        return {"redirect_uri": app.redirect_uri, "scope": " ".join(scope), **(challenge if challenged else {})}

    def code_in(self, response: Any, code: Code | None) -> Any:
        """Compare the response to an authorization request with the model's."""
        location = response.get("Location", "")
        answer = query_of(location) if location.startswith(("http://127.0.0.1:5000/", LOOPBACK)) else {}
        assert ("code" in answer) == bool(code), (response.status_code, location)
        if code is None:
            return multiple()
        code.text = answer["code"]
        return code

    def proof(self, code: Code) -> dict[str, str]:
        """Everything that a token request has to prove."""
        return {
            "redirect_uri": code.consent.app.redirect_uri,
            "code_verifier": VERIFIER if code.has_challenge else "",
        }

    def send(self, app: App, message: str, text: str, **changes: str) -> Any:
        """A message of an app, with the oldest of its valid secrets."""
        guide = self.guide(0, self.all_apps.index(app))
        secret = app.secrets[-1] if app.secrets else ""
        return getattr(guide, message)(text, client_secret=secret, **changes)

    def redeem(self, code: Code) -> Any:
        """Exchange a code, proving everything."""
        app = code.consent.app
        expected = self.world.exchange(code, app, proves_all=True)
        return self.tokens_in(self.send(app, "exchange", code.text, **self.proof(code)), expected, app)

    def present(self, token: Refresh, app: App, scope: Scope = ()) -> Any:
        """Use a refresh token."""
        expected = self.world.refresh(token, app, scope)
        changes = {"scope": " ".join(scope)} if scope else {}
        return self.tokens_in(self.send(app, "refresh", token.text, **changes), expected, app)

    def tokens_in(self, response: Any, expected: tuple[Access, Refresh] | None, app: App) -> Any:
        """Compare the response of the token endpoint with the model's."""
        if expected is None:
            assert response.status_code == (400 if app.is_active else 401), response.content
            return multiple()
        assert response.status_code == 200, response.content
        access, refresh = expected
        tokens = response.json()
        assert tokens["scope"].split() == list(access.scope)
        access.text, refresh.text = tokens["access_token"], tokens["refresh_token"]
        # A retry gets the same successor, character by character, as long as the key is the same.
        known = refresh.grant.refresh_texts.setdefault((refresh.generation, refresh.key), refresh.text)
        assert refresh.text == known
        return expected

    def pass_on(self, token: Access) -> Access | None:
        """The service exchanges an access token."""
        made = self.world.exchange_token(token)
        response = self.service.exchange(token.text)
        assert response.status_code == (200 if made else 400), response.content
        if made:
            answer = response.json()
            made.text = answer["access_token"]
            assert set(answer["scope"].split()) == set(made.scope)
            assert answer["expires_in"] == made.expires_at - self.world.now
        return made

    def revoke(self, token: Access | Refresh, app: App) -> None:
        """Revoke a token."""
        self.world.revoke(token, app)
        assert self.send(app, "revoke", token.text).status_code == (200 if app.is_active else 401)

    def newest_of(self, token: Refresh) -> Refresh:
        """The newest refresh token of the same grant."""
        return [each for each in self.world.refreshes if each.grant is token.grant][-1]

    def new_key(self) -> str:
        """A key that was never used."""
        self.made_keys += 1
        return f"key {self.made_keys} of the stateful test, long enough"

    def set_keys(self) -> None:
        """Apply the model's keys to the settings."""
        override = override_settings(
            SECRET_KEY=self.world.secret_key,
            SECRET_KEY_FALLBACKS=self.world.secret_fallbacks,
            OAUTH_SERVICE_TOKEN_KEY=self.world.token_key,
            OAUTH_SERVICE_TOKEN_KEY_FALLBACKS=self.world.token_fallbacks,
        )
        override.enable()
        self.overridden.append(override)
