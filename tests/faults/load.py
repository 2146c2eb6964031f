"""Users and their apps, who use their connections in every way and repeat each request until they get a response."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from tests.production.deployment import PASSWORD, Deployment, Served, eventually, manage
from tests.production.visit import Visit

PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.1
PEOPLE = 4
T = TypeVar("T")


class Away(httpx.TransportError):
    """A 503, which the users treat like a missing response."""


def look_at(answer: httpx.Response) -> None:
    """
    Check that a response is neither a server error nor anything else unexpected.

    Raises:
        Away: a 503.
    """
    if answer.status_code == 503:
        raise Away("503")
    assert answer.status_code < 500, answer.read().decode()[:500]


class Lies(AssertionError):
    """Responses that later turned out to be wrong."""


@dataclass
class Held:
    """A connection of the app, as the server's responses described it."""

    refresh_token: str
    alive: set[str]
    dead: set[str] = field(default_factory=set)
    ended: bool = False

    def end(self) -> None:
        """Mark the connection as ended: the server must never accept its tokens again."""
        self.ended, self.alive, self.dead = True, set(), self.dead | self.alive


@dataclass
class Person:
    """A user with a browser, and the app's server for that user; moments are of time.monotonic()."""

    visit: Visit
    name: str
    held: list[Held] = field(default_factory=list)
    acknowledged_at: list[float] = field(default_factory=list)
    unanswered: int = 0
    in_doubt: bool = False
    deauthorised: int = 0

    def __post_init__(self) -> None:
        for http in (self.visit.browser, self.visit.server):
            http.event_hooks = {"response": [look_at]}

    def sign_in(self) -> None:
        """Sign in once, before anything breaks."""
        answer = self.visit.submit("/login/", {"username": self.name, "password": PASSWORD}, page="/login/")
        assert answer.status_code == 302

    def live(self, end: threading.Event) -> None:
        """Make connections and use them until the load ends."""
        chance = random.Random(self.name)
        while not end.is_set():
            going = [held for held in self.held if not held.ended]
            what = chance.random()
            if not going or what < 0.25:
                self.connect()
            elif what < 0.65:
                self.refresh(chance.choice(going))
            elif what < 0.8:
                self.revoke_one(chance.choice(going))
            elif what < 0.93:
                self.revoke_all(chance.choice(going))
            else:
                self.deauthorise()

    def connect(self) -> None:
        code = self.insist(self.visit.code)
        answer = self.insist(lambda: self.visit.exchange(code))
        if answer.status_code == 400:
            assert self.in_doubt, answer.text  # it was redeemed, but the response was lost
            return
        tokens = answer.json()
        self.held.append(Held(tokens["refresh_token"], {tokens["access_token"]}))

    def refresh(self, held: Held) -> None:
        """
        Refresh with the same token until the server answers. The client must get on, whatever happened to the token.
        """
        answer = self.insist(lambda: self.visit.refresh(held.refresh_token))
        assert answer.status_code == 200, answer.text
        held.refresh_token = answer.json()["refresh_token"]
        held.alive.add(answer.json()["access_token"])

    def revoke_one(self, held: Held) -> None:
        if held.alive:
            token = held.alive.pop()
            held.dead.add(token)
            assert self.insist(lambda: self.visit.revoke(token)).status_code == 200

    def revoke_all(self, held: Held) -> None:
        held.end()
        assert self.insist(lambda: self.visit.revoke(held.refresh_token)).status_code == 200

    def deauthorise(self) -> None:
        for held in self.held:
            held.end()
        assert self.insist(self.visit.deauthorise).status_code == 302
        self.deauthorised += 1

    def insist(self, send: Callable[[], T]) -> T:
        """Repeat a request until it is answered."""
        self.in_doubt = False
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = send()
            except httpx.TransportError:
                self.in_doubt = True
                self.unanswered += 1
                assert time.monotonic() < deadline
                time.sleep(PAUSE_SECONDS)
            else:
                self.acknowledged_at.append(time.monotonic())
                return answer

    def lies(self) -> list[str]:
        """List what differs from the responses, once all requests are answered."""
        found = [f"alive again: {token[:12]}" for held in self.held for token in held.dead if self._is_alive(token)]
        found += [f"lost: {token[:12]}" for held in self.held for token in held.alive if not self._is_alive(token)]
        for held in self.held:
            answer = self.visit.refresh(held.refresh_token)
            if answer.status_code != (400 if held.ended else 200):
                found.append(f"{'alive again' if held.ended else 'lost'}: {answer.text}")
        return found

    def _is_alive(self, token: str) -> bool:
        answer = self.visit.userinfo(token)
        assert answer.status_code in (200, 401)
        return answer.status_code == 200


def register(deployment: Deployment) -> list[str]:
    """Create accounts for PEOPLE; return their names."""
    names = [f"alice{number}" for number in range(PEOPLE)]
    made = f"[User.objects.create_user(name, password={PASSWORD!r}) for name in {names}]"
    manage(
        deployment.environment(), "shell", "--no-imports", "-c", f"from django.contrib.auth.models import User; {made}"
    )
    return names


@dataclass
class Load:
    """Users at work, until they rest."""

    people: list[Person]
    at_work: list[Future[None]]
    end: threading.Event

    def rest(self) -> None:
        """Let all pending requests be answered, and send no more."""
        self.end.set()
        for each in self.at_work:
            each.result(PATIENCE_SECONDS)

    def lies(self) -> list[str]:
        """List what differs from the responses of any user."""
        return [lie for person in self.people for lie in person.lies()]

    def goes_on(self, *, answers: int = 8) -> float:
        """Wait until each user has had this many responses; return when the first of all came."""
        since = time.monotonic()

        def after(person: Person) -> list[float]:
            return [moment for moment in list(person.acknowledged_at) if moment > since]

        eventually(lambda: all(len(after(person)) >= answers for person in self.people), seconds=PATIENCE_SECONDS)
        return min(min(after(person)) for person in self.people)

    def __str__(self) -> str:
        held = [each for person in self.people for each in person.held]
        return (
            f"{sum(len(person.acknowledged_at) for person in self.people)} answers, "
            f"{sum(person.unanswered for person in self.people)} without, {len(held)} connections, "
            f"{sum(each.ended for each in held)} ended, {sum(person.deauthorised for person in self.people)} deauthorised"
        )


@contextmanager
def load(served: Served, deployment: Deployment, names: list[str]) -> Iterator[Load]:
    """
    Keep users at work during a block; all their requests are answered before it ends.

    Raises:
        Lies: at its end, if anything differs from the responses they got.
    """
    end = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(PEOPLE) as pool:
        visits = [Visit(base_url=served.url, client_secret=deployment.client_secret) for _ in names]
        people = [Person(stack.enter_context(visit), name) for visit, name in zip(visits, names, strict=True)]
        for person in people:
            person.sign_in()
        at_work = [pool.submit(person.live, end) for person in people]
        under_way = Load(people, at_work, end)
        try:
            yield under_way
        finally:
            end.set()
        under_way.rest()
        if lies := under_way.lies():
            raise Lies(lies)
