"""Simultaneous exchanges of one subject token, and a withdrawal during an exchange."""

import pytest

from oauth_service.models import Grant
from tests.concurrency.threads import together
from tests.exchanges import service_for
from tests.guide import Guide

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_twenty_exchanges_write_nothing_and_are_all_good(guide: Guide) -> None:
    """Each exchange has its own token, and all tokens end with the connection."""
    service = service_for(guide.client)
    subject = guide.tokens()["access_token"]
    before = list(Grant.objects.values())
    answers = together(*[lambda: service.exchange(subject)] * 20)
    assert [answer.status_code for answer in answers] == [200] * 20
    tokens = [answer.json()["access_token"] for answer in answers]
    assert len(set(tokens)) == 20
    assert list(Grant.objects.values()) == before
    assert all(service.is_alive(token) for token in tokens)
    guide.deauthorise()
    assert not any(service.is_alive(token) for token in tokens)


def test_what_is_exchanged_while_the_app_is_cut_off_is_worth_nothing(guide: Guide) -> None:
    """No token is accepted once the withdrawal has returned, in any order of the requests."""
    service = service_for(guide.client)
    subject = guide.tokens()["access_token"]
    answers = together(*[lambda: service.exchange(subject)] * 5, guide.deauthorise)
    issued = [each.json()["access_token"] for each in answers[:5] if each.status_code == 200]
    assert not any(service.is_alive(token) for token in issued)
