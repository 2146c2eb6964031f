"""
A model of codes, grants and tokens in plain Python.

Written from the storage design and its invariants, not from the server: no sealing, no rows, no statements. Time is in
seconds.
"""

from dataclasses import dataclass, field

CODE_LIFETIME = 60
ACCESS_LIFETIME = 3_600
REFRESH_LIFETIME = 30 * 86_400
RETRY_WINDOW = 120
DEVICE_CODE_LIFETIME = 600

Scope = tuple[str, ...]


@dataclass(eq=False)
class Person:
    """A user."""

    name: str
    is_active: bool = True


@dataclass(eq=False)
class App:
    """A client. Its secrets are the valid ones, newest first; a public client has none."""

    client_id: str
    redirect_uri: str
    scope: Scope
    secrets: list[str] = field(default_factory=list)
    is_active: bool = True

    @property
    def is_public(self) -> bool:
        """True if it has no secret to authenticate with."""
        return not self.secrets


@dataclass(eq=False)
class Consent:
    """Scope that a user allowed an app."""

    person: Person
    app: App
    scope: Scope = ()
    is_withdrawn: bool = False
    ends_at: float = float("inf")


@dataclass(eq=False)
class Grant:
    """A live authorisation. It is alive as long as everything it depends on is."""

    consent: Consent
    scope: Scope
    expires_at: int
    rotated_at: int
    created_at: int
    generation: int = 0
    has_ended: bool = False
    refresh_texts: dict[tuple[int, str], str] = field(default_factory=dict)


@dataclass(eq=False)
class Code:
    """A code; grant is the result of its first use."""

    consent: Consent
    scope: Scope
    expires_at: int
    has_challenge: bool
    key: str
    text: str = ""
    grant: Grant | None = None


@dataclass(eq=False)
class Device:
    """A device that waits for a user; consent is the user's decision, grant the result of the first poll after it."""

    app: App
    scope: Scope
    expires_at: int
    key: str
    text: str = ""
    user_code: str = ""
    is_denied: bool = False
    consent: Consent | None = None
    grant: Grant | None = None


@dataclass(eq=False)
class Access:
    """An access token; parent is the token that a service exchanged for it."""

    grant: Grant
    scope: Scope
    expires_at: int
    key: str
    text: str = ""
    is_revoked: bool = False
    parent: "Access | None" = None


@dataclass(eq=False)
class Refresh:
    """A refresh token."""

    grant: Grant
    generation: int
    key: str
    text: str = ""


@dataclass(eq=False)
class World:
    """
    Everything that exists. Each method does what the message of its name must do, and returns the expected answer.
    """

    now: int
    secret_key: str = "secret 0"
    token_key: str = ""
    token_fallbacks: list[str] = field(default_factory=list)
    secret_fallbacks: list[str] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)

    # -- keys ----------------------------------------------------------------------------------------------------------

    @property
    def sealing_key(self) -> str:
        """The key that seals new codes and tokens."""
        return self.token_key or self.secret_key

    def opens(self, key: str) -> bool:
        """True if what a key sealed is still accepted."""
        if self.token_key:
            return key in (self.token_key, *self.token_fallbacks)
        return key in (self.secret_key, *self.secret_fallbacks)

    # -- life ----------------------------------------------------------------------------------------------------------

    def may_live(self, consent: Consent, expires_at: int) -> bool:
        """The lifecycle: user and client active, consent not withdrawn and before its end date, not expired."""
        return consent.person.is_active and consent.app.is_active and self.stands(consent) and self.now < expires_at

    def stands(self, consent: Consent) -> bool:
        """True if a consent was not withdrawn and has not reached its end date."""
        return not consent.is_withdrawn and self.now < consent.ends_at

    def is_alive(self, grant: Grant) -> bool:
        """True if anything made from a grant may still be accepted."""
        return not grant.has_ended and self.may_live(grant.consent, grant.expires_at)

    def admits(self, token: Access) -> bool:
        """True if an access token is accepted."""
        return (
            self.opens(token.key)
            and self.now < token.expires_at
            and not token.is_revoked
            and not (token.parent and token.parent.is_revoked)
            and self.is_alive(token.grant)
        )

    def scope_of(self, token: Access) -> Scope:
        """Current scope of an access token: without what the client has lost since."""
        return _both(token.scope, token.grant.consent.app.scope)

    # -- messages ------------------------------------------------------------------------------------------------------

    def consent_of(self, person: Person, app: App) -> Consent | None:
        """The current consent of a user to an app."""
        for consent in self.consents:
            if (consent.person, consent.app) == (person, app) and self.stands(consent):
                return consent
        return None

    def allow(self, person: Person, app: App, scope: Scope, *, has_challenge: bool) -> Code | None:
        """The user clicks Allow."""
        if not _may_ask(person, app, scope):
            return None
        return self._issue(self._give(person, app, scope), scope, has_challenge=has_challenge)

    def ask(self, person: Person, app: App, scope: Scope, *, has_challenge: bool) -> Code | None:
        """
        The app sends the user. A code comes at once only if all scope was allowed before and the app has authenticated.
        """
        consent = self.consent_of(person, app)
        if not (_may_ask(person, app, scope) and consent and set(scope) <= set(consent.scope)) or app.is_public:
            return None
        return self._issue(consent, scope, has_challenge=has_challenge)

    def exchange(self, code: Code, app: App, *, proves_all: bool) -> tuple[Access, Refresh] | None:
        """An authenticated app presents a code."""
        # Possession before punishment.
        if not (self.opens(code.key) and app is code.consent.app and app.is_active and proves_all):
            return None
        if code.grant:
            code.grant.has_ended = True
            return None
        scope = _both(code.scope, app.scope)
        if not (self.may_live(code.consent, code.expires_at) and scope):
            return None
        code.grant = self._connect(code.consent, code.scope, REFRESH_LIFETIME)
        return self._tokens(code.grant, 0, scope)

    def refresh(self, token: Refresh, app: App, scope: Scope = ()) -> tuple[Access, Refresh] | None:
        """
        An authenticated app presents a refresh token.

        Args:
            scope: the requested scope; () for all.
        """
        grant = token.grant
        granted = _both(grant.scope, app.scope)
        if not (self.opens(token.key) and app is grant.consent.app and app.is_active):
            return None
        if grant.has_ended or grant.consent.is_withdrawn:
            return None  # an ended consent is found until its row is swept, and a replay ends its grant
        is_newest = token.generation == grant.generation
        is_late = self.now - grant.rotated_at > self.retry_window(grant)
        if not is_newest and (token.generation != grant.generation - 1 or is_late):
            grant.has_ended = True  # a theft, even if something else is wrong
            return None
        if not self.is_alive(grant) or not granted or not set(scope) <= set(granted):
            return None
        if is_newest:
            grant.generation, grant.rotated_at = grant.generation + 1, self.now
            grant.expires_at = self.now + REFRESH_LIFETIME
        return self._tokens(grant, token.generation + 1, scope or granted)

    def retry_window(self, grant: Grant) -> float:
        """Seconds in which a lost response is repeated; shorter for a client that refreshes every few minutes."""
        if grant.generation < 10:
            return RETRY_WINDOW
        return min(RETRY_WINDOW, max(30, (grant.rotated_at - grant.created_at) / grant.generation / 2))

    def revoke(self, token: Access | Refresh, app: App) -> None:
        """An authenticated app revokes a token; another app's token stays."""
        if not (self.opens(token.key) and app.is_active and app is token.grant.consent.app):
            return
        if isinstance(token, Access) and not token.parent:
            token.is_revoked = True
        elif isinstance(token, Refresh):
            token.grant.has_ended = True

    def exchange_token(self, subject: Access) -> Access | None:
        """
        A service impersonates the user: at most the remaining scope and lifetime. An exchanged token cannot be
        exchanged again.
        """
        scope = self.scope_of(subject)
        if not self.admits(subject) or subject.parent or not scope:
            return None
        expires_at = min(
            self.now + ACCESS_LIFETIME, subject.expires_at, subject.grant.expires_at, self._end_of(subject)
        )
        access = Access(subject.grant, scope, expires_at, self.sealing_key, parent=subject)
        self.accesses.append(access)
        return access

    def deauthorise(self, person: Person, app: App) -> None:
        """The user disconnects the app."""
        if person.is_active and (consent := self.consent_of(person, app)):
            consent.is_withdrawn = True

    def limit(self, person: Person, app: App, seconds: int | None) -> None:
        """The user chooses when the app is disconnected; None for never."""
        if person.is_active and (consent := self.consent_of(person, app)):
            consent.ends_at = float("inf") if seconds is None else self.now + seconds

    # -- devices -------------------------------------------------------------------------------------------------------

    def begin(self, app: App, scope: Scope) -> Device | None:
        """A device of an app asks to be connected."""
        if not app.is_active or not set(scope) <= set(app.scope):
            return None
        device = Device(app, scope, self.now + DEVICE_CODE_LIFETIME, self.sealing_key)
        self.devices.append(device)
        return device

    def waits(self, device: Device) -> bool:
        """True if a user who enters its code finds it."""
        decided = device.is_denied or device.consent
        return not decided and self.opens(device.key) and device.app.is_active and self.now < device.expires_at

    def approve(self, device: Device, person: Person) -> bool:
        """A signed-in user allows a waiting device."""
        if not (scope := _both(device.scope, device.app.scope)):
            return False
        device.consent, device.scope = self._give(person, device.app, scope), scope
        return True

    def deny(self, device: Device) -> None:
        """The user clicks Deny."""
        device.is_denied = True

    def poll(self, device: Device) -> tuple[Access, Refresh] | None:
        """A device asks whether it was connected."""
        if not (self.opens(device.key) and device.app.is_active):
            return None
        if device.grant:
            device.grant.has_ended = True
            return None
        if not device.consent or not (scope := _both(device.scope, device.app.scope)):
            return None
        if not self.may_live(device.consent, device.expires_at):
            return None
        device.grant = self._connect(device.consent, device.scope, REFRESH_LIFETIME)
        return self._tokens(device.grant, 0, scope)

    # -- other servers -------------------------------------------------------------------------------------------------

    def vouch(self, person: Person, app: App) -> Access | None:
        """A trusted issuer vouches for a user who has allowed the app: the app gets only an access token."""
        consent = self.consent_of(person, app)
        if not (person.is_active and app.is_active and consent and (scope := _both(app.scope, consent.scope))):
            return None
        access = self._access(self._connect(consent, scope, ACCESS_LIFETIME), scope)
        self.accesses.append(access)
        return access

    # -- rows ----------------------------------------------------------------------------------------------------------

    def waiting_codes(self, *, unexpired: bool) -> int:
        """Number of codes that wait for their exchange."""
        return sum(
            not code.grant
            and (self.stands(code.consent) if unexpired else not code.consent.is_withdrawn)
            and (self.now < code.expires_at or not unexpired)
            for code in self.codes
        )

    def standing_grants(self, *, expired_for: float) -> int:
        """Number of grants that have not been ended, and have not been expired for longer than this."""
        return sum(
            not grant.has_ended
            and (not grant.consent.is_withdrawn if expired_for else self.stands(grant.consent))
            and self.now < grant.expires_at + expired_for
            for grant in self.grants
        )

    def revoked_tokens(self, *, unexpired: bool) -> int:
        """Number of individually revoked access tokens."""
        return sum(token.is_revoked and (self.now < token.expires_at or not unexpired) for token in self.accesses)

    def _issue(self, consent: Consent, scope: Scope, *, has_challenge: bool) -> Code:
        code = Code(consent, scope, self.now + CODE_LIFETIME, has_challenge, self.sealing_key)
        self.codes.append(code)
        return code

    def _give(self, person: Person, app: App, scope: Scope) -> Consent:
        if not (consent := self.consent_of(person, app)):
            for before in self.consents:  # an ended one is replaced
                before.is_withdrawn |= (before.person, before.app) == (person, app)
            consent = Consent(person, app)
            self.consents.append(consent)
        consent.scope = tuple(dict.fromkeys([*consent.scope, *scope]))
        return consent

    def _connect(self, consent: Consent, scope: Scope, lifetime: int) -> Grant:
        grant = Grant(consent, scope, self.now + lifetime, rotated_at=self.now, created_at=self.now)
        self.grants.append(grant)
        return grant

    def _end_of(self, token: Access) -> int:
        ends_at = token.grant.consent.ends_at
        return int(ends_at) if ends_at != float("inf") else token.expires_at

    def _access(self, grant: Grant, scope: Scope) -> Access:
        expires_at = min(self.now + ACCESS_LIFETIME, grant.consent.ends_at)
        return Access(grant, scope, int(expires_at), self.sealing_key)

    def _tokens(self, grant: Grant, generation: int, scope: Scope) -> tuple[Access, Refresh]:
        access = self._access(grant, scope)
        refresh = Refresh(grant, generation, self.sealing_key)
        self.accesses.append(access)
        self.refreshes.append(refresh)
        return access, refresh


def _may_ask(person: Person, app: App, scope: Scope) -> bool:
    return person.is_active and app.is_active and set(scope) <= set(app.scope)


def _both(first: Scope, second: Scope) -> Scope:
    return tuple(name for name in first if name in second)
