"""Alice uses the app: she adds, renews and stops prescriptions."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check

pytestmark = pytest.mark.journey


def test_a_prescription_is_added_renewed_and_stopped(sites: Sites, desk: Page) -> None:
    """The connection must lead to something that Alice can use."""
    alice.connects(desk, sites)
    desk.get_by_role("link", name="Add a prescription").click()
    expect(desk.get_by_label("Medicine")).to_be_visible()
    check(desk)
    for label, value in (
        ("Medicine", "Ibuprofen"),
        ("Dose", "400 mg"),
        ("When to take it", "One tablet when needed"),
        ("Refills left", "2"),
        ("Prescribed by", "Dr March Hare"),
    ):
        desk.get_by_label(label).fill(value)
    desk.get_by_role("button", name="Add prescription").click()
    card = alice.card(desk, "Ibuprofen")
    expect(card).to_contain_text("2 refills left")
    card.get_by_role("button", name="Renew").click()
    expect(desk.get_by_role("status")).to_contain_text("was renewed. 1 refill left.")
    check(desk)
    card.get_by_role("button", name="Stop").click()
    expect(desk.get_by_role("region", name="Stopped")).to_contain_text("Ibuprofen")
    expect(card).to_have_count(0)
    check(desk)
    desk.get_by_role("button", name="Take Ibuprofen 400 mg again").click()
    expect(card).to_contain_text("1 refill left")


def test_what_is_missing_is_said_beside_its_field(sites: Sites, desk: Page) -> None:
    """The server decides; the browser's own check is only quicker."""
    alice.connects(desk, sites)
    desk.goto(f"{sites.client_url}/prescriptions/add/")
    button = desk.get_by_role("button", name="Add prescription")
    button.evaluate("button => { button.form.noValidate = true }")
    button.click()
    expect(desk.get_by_role("alert")).to_contain_text("Nothing has been added yet")
    expect(desk.get_by_label("Medicine")).to_have_attribute("aria-invalid", "true")
    check(desk)


def test_no_refills_left_sends_alice_to_her_doctor(sites: Sites, desk: Page) -> None:
    """The page has no button that can only fail, but it has a next step."""
    alice.connects(desk, sites)
    card = alice.card(desk, "Levothyroxine")
    expect(card).to_contain_text("No refills left. Ask Dr Maya Okafor for a new prescription.")
    expect(card.get_by_role("button", name="Renew")).to_have_count(0)
