"""Evidence about a client, and whether a remembered consent is enough: kinds of clients crossed with addresses."""

from dataclasses import dataclass
from itertools import product

import pytest

from oauth_service.protocol.client_standing import Tier, is_vouched_for, may_rely_on_consent, standing_of
from oauth_service.protocol.errors import ConsentRequired
from oauth_service.protocol.interaction import Interaction
from oauth_service.protocol.next_step import NextStep, Person, next_step
from tests.clauses import clause
from tests.protocol.test_next_step import Asked, prompts

FIRST, CHECKED, KNOWN, UNKNOWN, SELF, DEVICE = Tier
WEB, LOOPBACK, OWN_SCHEME, NONE = "https://app.example/cb", "http://127.0.0.1:51004/cb", "com.example.app:/cb", ""


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client, with the facts that the rules read."""

    is_first_party: bool = False
    is_checked: bool = False
    is_public: bool = True
    proven_host: str = ""
    remembers_consent: bool = True


OURS = Client(is_first_party=True)
OPERATORS = Client(is_checked=True)
ITSELF = Client()
DOCUMENT = Client(proven_host="app.example")
ELSEWHERE = Client(proven_host="maker.example")


def confidential(client: Client) -> Client:
    """Return the same client with a secret."""
    return Client(is_first_party=client.is_first_party, is_checked=client.is_checked, is_public=False)


TABLE = [
    # who, where to, known hosts, tier, facts
    (OURS, WEB, (), FIRST, (FIRST,)),
    (OURS, LOOPBACK, (), DEVICE, (FIRST, DEVICE)),
    (confidential(OURS), LOOPBACK, (), FIRST, (FIRST,)),
    (Client(is_first_party=True, is_checked=True), WEB, (), FIRST, (FIRST,)),
    (OPERATORS, WEB, (), CHECKED, (CHECKED,)),
    (OPERATORS, WEB, ("app.example",), CHECKED, (CHECKED,)),
    (OPERATORS, OWN_SCHEME, (), DEVICE, (CHECKED, DEVICE)),
    (OPERATORS, NONE, (), CHECKED, (CHECKED,)),
    (confidential(OPERATORS), LOOPBACK, (), CHECKED, (CHECKED,)),
    (ITSELF, WEB, (), SELF, (SELF,)),
    (ITSELF, WEB, ("other.example",), SELF, (SELF,)),
    (ITSELF, WEB, ("app.example",), KNOWN, (KNOWN, SELF)),
    (ITSELF, LOOPBACK, (), DEVICE, (SELF, DEVICE)),
    (ITSELF, LOOPBACK, ("127.0.0.1", ""), DEVICE, (SELF, DEVICE)),
    (ITSELF, OWN_SCHEME, (), DEVICE, (SELF, DEVICE)),
    (ITSELF, NONE, (), SELF, (SELF,)),
    (confidential(ITSELF), WEB, (), SELF, (SELF,)),
    (confidential(ITSELF), LOOPBACK, (), DEVICE, (SELF, DEVICE)),
    (DOCUMENT, WEB, (), UNKNOWN, (UNKNOWN,)),
    (DOCUMENT, WEB, ("app.example",), KNOWN, (KNOWN,)),
    (DOCUMENT, LOOPBACK, ("app.example",), DEVICE, (KNOWN, DEVICE)),
    (DOCUMENT, LOOPBACK, (), DEVICE, (UNKNOWN, DEVICE)),
    # The host of the document counts, not the host that receives the answer: anyone can name that one.
    (ELSEWHERE, WEB, ("app.example",), UNKNOWN, (UNKNOWN,)),
    (ELSEWHERE, WEB, ("maker.example",), KNOWN, (KNOWN,)),
    (Client(proven_host="app.example", is_checked=True), WEB, (), CHECKED, (CHECKED,)),
]


@pytest.mark.parametrize(("client", "uri", "known_hosts", "tier", "facts"), TABLE)
def test_what_a_person_is_told(
    client: Client, uri: str, known_hosts: tuple[str, ...], tier: Tier, facts: tuple[Tier, ...]
) -> None:
    """The page shows all facts about the client, and the tier that follows from them."""
    standing = standing_of(client, uri, known_hosts=known_hosts)
    assert (standing.tier, standing.facts) == (tier, facts)


EVERY_CLIENT = [
    Client(is_first_party=first, is_checked=checked, is_public=public, proven_host=host, remembers_consent=remembers)
    for first, checked, public, host, remembers in product(
        [False, True], [False, True], [False, True], ["", "app.example", "maker.example"], [False, True]
    )
]
EVERY_URI = [WEB, LOOPBACK, "http://localhost/cb", "https://localhost/cb", OWN_SCHEME, "cursor://cb", NONE]


@pytest.mark.parametrize("uri", EVERY_URI)
def test_an_app_that_can_be_imitated_is_never_shown_as_checked(uri: str) -> None:
    """An app that any program on the device can imitate is always shown with that warning."""
    for client in EVERY_CLIENT:
        standing = standing_of(client, uri, known_hosts=("app.example",))
        assert standing.tier in standing.facts
        assert bool({FIRST, CHECKED} & set(standing.facts)) == is_vouched_for(client)
        proves_itself = not client.is_public and is_vouched_for(client)
        assert (DEVICE in standing.facts) == (uri not in (WEB, NONE) and not proves_itself)
        assert (standing.tier is DEVICE) == (DEVICE in standing.facts)
        assert not (standing.tier in (KNOWN, UNKNOWN) and not standing.host)


def relies(client: Client, uri: str) -> bool:
    """State the rule of may_rely_on_consent() in another way."""
    if not client.remembers_consent:
        return False
    if not client.is_public:
        return True
    return uri == WEB and (is_vouched_for(client) or client.proven_host == "app.example")


@clause("RFC 8252", "8.6")
@pytest.mark.parametrize("prompt", ["", "none", "consent", "login", "select_account"])
@pytest.mark.parametrize("uri", EVERY_URI)
def test_only_a_proven_client_is_answered_without_asking(uri: str, prompt: str) -> None:
    """
    "[...] unless the identity of the client can be proven, the request SHOULD be processed as if no previous request had been
    approved."
    """
    asked = Asked(prompt=prompts(*prompt.split()))
    for client in EVERY_CLIENT:
        proven = relies(client, uri)
        assert may_rely_on_consent(client, uri) == proven
        person = Person(id="7", event=None, is_expected=True, consented_scope=asked.scope_shown, may_skip=proven)
        if prompt == "none" and not proven:
            with pytest.raises(ConsentRequired):
                next_step(asked, person, Interaction(), step_up=(), now=1)
            continue
        step = next_step(asked, person, Interaction(account="7"), step_up=(), now=1)
        # Without an authentication event prompt=login is not known to be unmet: see test_next_step.
        assert step is (NextStep.ANSWER if proven and prompt != "consent" else NextStep.ASK)
