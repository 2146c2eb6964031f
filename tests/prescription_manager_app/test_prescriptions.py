"""Patients can add, renew and stop prescriptions: only their own, and only while connected."""

import pytest
from django.test import Client
from django.utils import timezone

from prescription_manager_app.models import Patient, Prescription
from tests.prescription_manager_app.conftest import Browser, Page

FILLED_IN = {
    "medicine": "Amoxicillin",
    "dose": "500 mg",
    "schedule": "One capsule three times a day",
    "refills_left": "2",
    "prescriber": "Dr Raman",
}


@pytest.fixture
def prescription(alice: Browser) -> Prescription:
    """A prescription on Alice's list, with one refill left."""
    return Prescription.objects.create(
        patient=Patient.objects.get(),
        medicine="Salbutamol",
        dose="2 puffs",
        schedule="When needed",
        refills_left=1,
        prescriber="Dr Lund",
        added_at=timezone.now(),
    )


def renew(alice: Browser, prescription: Prescription, *, shown: object) -> Page:
    return alice.press(f"/prescriptions/{prescription.pk}/renew/", {"refills_left": shown})


def test_what_she_adds_is_on_her_list(alice: Browser) -> None:
    content = alice.press("/prescriptions/add/", FILLED_IN).text
    assert "Amoxicillin 500 mg was added." in content
    assert "One capsule three times a day" in content


@pytest.mark.parametrize(
    ("name", "value"), [("medicine", ""), ("refills_left", "-1"), ("refills_left", "13"), ("refills_left", "many")]
)
def test_a_mistake_is_shown_at_its_field_and_adds_nothing(alice: Browser, name: str, value: str) -> None:
    response = alice.client.post("/prescriptions/add/", FILLED_IN | {name: value})
    assert (response.status_code, Prescription.objects.count()) == (422, 0)
    assert f'id="id_{name}_error"' in response.content.decode()


def test_renewing_uses_one_refill(alice: Browser, prescription: Prescription) -> None:
    content = renew(alice, prescription, shown=1).text
    prescription.refresh_from_db()
    assert prescription.refills_left == 0
    assert "was renewed. No refills left." in content


def test_renewing_at_zero_is_refused_with_a_way_on(alice: Browser, prescription: Prescription) -> None:
    renew(alice, prescription, shown=1)
    content = renew(alice, prescription, shown=0).text
    assert "has no refills left. Please ask Dr Lund for a new prescription." in content


def test_a_double_click_uses_one_refill(alice: Browser, prescription: Prescription) -> None:
    Prescription.objects.update(refills_left=5)
    renew(alice, prescription, shown=5)
    assert "had changed in the meantime" in renew(alice, prescription, shown=5).text
    prescription.refresh_from_db()
    assert prescription.refills_left == 4


@pytest.mark.parametrize("shown", ["", "x", "-1", "99999999999999999999", "²"])
def test_a_renewal_that_says_nonsense_changes_nothing(alice: Browser, prescription: Prescription, shown: str) -> None:
    assert renew(alice, prescription, shown=shown).status_code == 200
    prescription.refresh_from_db()
    assert prescription.refills_left == 1


def test_a_stopped_prescription_is_kept_and_cannot_be_renewed(alice: Browser, prescription: Prescription) -> None:
    content = alice.press(f"/prescriptions/{prescription.pk}/stop/").text
    assert "stopped on" in content
    assert "was stopped and cannot be renewed" in renew(alice, prescription, shown=1).text


def test_stopping_twice_keeps_the_first_date(alice: Browser, prescription: Prescription) -> None:
    alice.client.post(f"/prescriptions/{prescription.pk}/stop/")
    prescription.refresh_from_db()
    first = prescription.stopped_at
    alice.client.post(f"/prescriptions/{prescription.pk}/stop/")
    prescription.refresh_from_db()
    assert (prescription.stopped_at, first is None) == (first, False)


def test_a_stop_can_be_undone(alice: Browser, prescription: Prescription) -> None:
    assert "Take again" in alice.press(f"/prescriptions/{prescription.pk}/stop/").text
    content = alice.press(f"/prescriptions/{prescription.pk}/resume/").text
    prescription.refresh_from_db()
    assert (prescription.stopped_at, "is back on your list" in content) == (None, True)
    assert "was on your list already" in alice.press(f"/prescriptions/{prescription.pk}/resume/").text


@pytest.mark.parametrize(("refills", "offered"), [(1, True), (0, False)])
def test_renew_is_offered_while_there_are_refills(
    alice: Browser, prescription: Prescription, refills: int, offered: bool
) -> None:
    Prescription.objects.update(refills_left=refills)
    content = alice.home().text
    assert (f"/prescriptions/{prescription.pk}/renew/" in content) is offered
    assert ("Ask Dr Lund for a new prescription." in content) is not offered


@pytest.mark.parametrize("action", ["renew", "resume", "stop"])
def test_another_patients_prescription_does_not_exist(alice: Browser, prescription: Prescription, action: str) -> None:
    stranger = Browser(Client(), alice.server)
    alice.server.profile = {"sub": "mallory", "name": "Mallory"}
    stranger.connect()
    response = stranger.client.post(f"/prescriptions/{prescription.pk}/{action}/", {"refills_left": 1})
    prescription.refresh_from_db()
    assert (response.status_code, prescription.refills_left, prescription.stopped_at) == (404, 1, None)
    assert "Salbutamol" not in stranger.home().text


@pytest.mark.parametrize("path", ["add/", "1/renew/", "1/resume/", "1/stop/"])
def test_whoever_is_not_connected_is_sent_to_the_start_page(browser: Browser, path: str) -> None:
    response = browser.client.post(f"/prescriptions/{path}", FILLED_IN)
    assert (response.status_code, response["Location"]) == (302, "/")


def test_once_the_server_has_cut_her_off_nothing_can_be_changed(alice: Browser, prescription: Prescription) -> None:
    """The session cookie alone opens nothing: the server is asked each time."""
    alice.server.deauthorise()
    content = renew(alice, prescription, shown=1).text
    prescription.refresh_from_db()
    assert prescription.refills_left == 1
    assert "Your connection was ended" in content


@pytest.mark.parametrize("path", ["1/renew/", "1/stop/"])
def test_a_link_changes_nothing(alice: Browser, path: str) -> None:
    assert alice.client.get(f"/prescriptions/{path}").status_code == 405
