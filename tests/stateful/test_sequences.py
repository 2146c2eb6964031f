"""Short sequences, run each time. Together they find every fault that was deliberately put into the server."""

from collections.abc import Callable, Iterator

import pytest

from tests.stateful.machine import WORDS, Lifecycle
from tests.stateful.model import ACCESS_LIFETIME, RETRY_WINDOW, Refresh


@pytest.fixture
def state(db: None) -> Iterator[Lifecycle]:
    """Two users and two apps, all connected; at the end each token is tried once more."""
    state = Lifecycle()
    try:
        state.connect_all()
        yield state
    finally:
        state.teardown()


def of_alice(state: Lifecycle) -> Refresh:
    """The first refresh token of Alice and the app with a secret."""
    return state.world.refreshes[0]


def replay_a_code(state: Lifecycle) -> None:
    """The second use of a code ends the connection that the first use made."""
    state.redeem(state.world.codes[0])


def lose_an_answer(state: Lifecycle) -> None:
    """The same refresh token gets the same successor, at once and at the last moment of the window."""
    for after in (0, RETRY_WINDOW):
        state.retry(of_alice(state), after)


def retry_too_late(state: Lifecycle) -> None:
    """A second after the window, the same request is a theft."""
    state.retry(of_alice(state), RETRY_WINDOW + 1)


def use_an_old_refresh_token(state: Lifecycle) -> None:
    """A refresh token older than the previous one ends everything, within the window too."""
    state.present(of_alice(state), state.with_secret)
    state.present(state.newest_of(of_alice(state)), state.with_secret)
    state.present(of_alice(state), state.with_secret)


def refresh_while_deactivated(state: Lifecycle) -> None:
    """Tokens of a deactivated user or app cannot be renewed until reactivation."""
    for is_app in (False, True):
        state.switch(0, is_app)
        state.present(state.newest_of(of_alice(state)), state.with_secret)
        state.switch(0, is_app)


def use_a_token_while_deactivated(state: Lifecycle) -> None:
    """A token is refused during deactivation, and accepted again afterwards."""
    for is_app in (False, True):
        state.switch(0, is_app)
        state.look_at(state.world.accesses)
        state.switch(0, is_app)
        state.look_at(state.world.accesses)


def use_a_token_too_late(state: Lifecycle) -> None:
    """An access token lives for an hour, to the second."""
    for seconds in (ACCESS_LIFETIME - 1, 1):
        state.pass_much_time(seconds)
        state.look_at(state.world.accesses)


def exchange_while_deactivated(state: Lifecycle) -> None:
    """Deactivation does not prolong a code's life."""
    code = state.allowed(0, 0, WORDS, challenged=True)
    state.switch(0, False)
    state.redeem(code)
    state.switch(0, False)
    state.redeem(code)


def revoke_an_access_token(state: Lifecycle) -> None:
    """Only this access token is refused, before and after its successor is made."""
    state.revoke(state.world.accesses[0], state.with_secret)
    state.look_at(state.world.accesses)
    state.refresh_the_newest(of_alice(state))


def revoke_as_another(state: Lifecycle) -> None:
    """Revocation by another app has no effect."""
    state.use_as_another((state.world.accesses[0], of_alice(state)))


def take_a_scope_away(state: Lifecycle) -> None:
    """Existing tokens and those made in the meantime lose the scope, and get it back."""
    state.change_scope(0, ("profile",))
    state.look_at(state.world.accesses)
    state.refresh_the_newest(of_alice(state))
    state.change_scope(0, WORDS)


def ask_for_a_scope_that_was_taken_away(state: Lifecycle) -> None:
    """The user consented to it once, but the client may no longer have it."""
    state.change_scope(0, ("profile",))
    state.present(of_alice(state), state.with_secret, ("user",))


def deauthorise_and_connect_again(state: Lifecycle) -> None:
    """A new consent does not revive tokens of the old one."""
    waiting = state.allowed(0, 0, WORDS, challenged=False)
    state.deauthorise(0, 0)
    state.connect(0, 0, WORDS)
    state.redeem(waiting)


def prove_less(state: Lifecycle) -> None:
    """A used code in a stranger's hands harms no one."""
    for fault in ("redirect_uri", "code_verifier", "app"):
        state.exchange_without_proof(state.world.codes[1], fault)


def rotate_keys(state: Lifecycle) -> None:
    """Tokens of a replaced key are accepted until the key is dropped, and a refresh moves on to the new key."""
    state.rotate_key("secret_key", True)
    state.rotate_key("token_key", True)
    state.retry(of_alice(state), 0)
    state.rotate_key("token_key", True)
    state.look_at(state.world.accesses)
    state.rotate_key("secret_key", False)


def rotate_the_secret(state: Lifecycle) -> None:
    """Two secrets are valid at a time; the next rotation ends the older one."""
    for _time in range(3):
        state.change_secret(True)
        state.refresh_the_newest(of_alice(state))
    state.change_secret(False)


def wait_for_everything_to_end(state: Lifecycle) -> None:
    """A day after the last lifetime none of its rows are left."""
    state.revoke(state.world.accesses[0], state.with_secret)
    state.allowed(0, 0, WORDS, challenged=False)
    state.pass_much_time(32 * 86_400)
    state.purge()


def exchange_a_token(state: Lifecycle) -> None:
    """A service's token lives as long as everything it was made from, and not a second longer."""
    first, second = state.world.accesses[:2]
    state.pass_time(120)
    made = state.pass_on(first)
    assert made
    state.pass_on(made)
    state.pass_on(second)
    state.revoke(made, state.with_secret)
    state.change_scope(0, ("profile",))
    state.look_at(state.world.accesses)
    state.revoke(first, state.with_secret)
    state.look_at(state.world.accesses)
    state.pass_on(first)
    state.deauthorise(0, 1)
    state.look_at(state.world.accesses)


def connect_a_device(state: Lifecycle) -> None:
    """A device waits, is allowed, polls, refreshes, and polls once too often."""
    device = state.begin(0, WORDS)
    state.poll(device)
    state.decide(device, 0, True)
    state.poll(device)
    state.look_at(state.world.accesses)
    state.refresh_the_newest(state.world.refreshes[-1])
    state.poll(device)
    state.look_at(state.world.accesses)


def leave_a_device_waiting(state: Lifecycle) -> None:
    """A device gets nothing if it was denied, withdrawn before it polls, or too late."""
    denied, withdrawn, late = (state.begin(1, WORDS) for _ in range(3))
    state.decide(denied, 0, False)
    state.decide(withdrawn, 0, True)
    state.deauthorise(0, 1)
    state.decide(late, 1, True)
    state.shift(600)
    for device in (denied, withdrawn, late):
        state.poll(device)


def vouch_for_a_person(state: Lifecycle) -> None:
    """A vouched-for user's tokens live while the consent lasts, and no longer than an access token."""
    state.vouch(0)
    token = state.world.accesses[-1]
    state.pass_on(token)
    state.revoke(token, state.with_secret)
    state.vouch(1)
    state.look_at(state.world.accesses)
    state.deauthorise(1, 0)
    state.vouch(1)
    state.look_at(state.world.accesses)
    state.switch(0, False)
    state.vouch(0)
    state.switch(0, False)


def let_a_connection_end(state: Lifecycle) -> None:
    """The end date holds to the second, on every path; a later consent is another connection."""
    waiting, device = state.allowed(0, 0, WORDS, challenged=False), state.begin(0, WORDS)
    state.decide(device, 0, True)
    state.choose_end(0, 0, 30)
    state.pass_on(state.world.accesses[0])
    state.refresh_the_newest(of_alice(state))
    state.shift(29)
    state.look_at(state.world.accesses)
    state.shift(1)
    state.look_at(state.world.accesses)
    state.redeem(waiting)
    state.poll(device)
    state.vouch(0)
    state.refresh_the_newest(of_alice(state))
    state.connect(0, 0, WORDS)
    state.look_at(state.world.accesses)


SEQUENCES = [
    connect_a_device,
    leave_a_device_waiting,
    vouch_for_a_person,
    let_a_connection_end,
    exchange_a_token,
    replay_a_code,
    lose_an_answer,
    retry_too_late,
    use_an_old_refresh_token,
    refresh_while_deactivated,
    use_a_token_while_deactivated,
    use_a_token_too_late,
    exchange_while_deactivated,
    revoke_an_access_token,
    revoke_as_another,
    take_a_scope_away,
    ask_for_a_scope_that_was_taken_away,
    deauthorise_and_connect_again,
    prove_less,
    rotate_keys,
    rotate_the_secret,
    wait_for_everything_to_end,
]


@pytest.mark.parametrize("sequence", SEQUENCES, ids=[sequence.__name__ for sequence in SEQUENCES])
def test_a_sequence_ends_as_the_model_says(state: Lifecycle, sequence: Callable[[Lifecycle], None]) -> None:
    """Every step is compared with the model, and everything once more at the end."""
    sequence(state)
    state.tokens_live_as_long_as_they_should()
    state.rows_are_as_many_as_what_lives()
