"""
Random requests, generated from /openapi.json and against it: the server never fails, and every response is as
described.

A short run with the same requests each time belongs to the tests. `make fuzz` is the long run, with new requests each
time.
"""

import json
import math
import os
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from oauth_service.grant_types import GRANT_TYPES, offered
from tests.fuzz.conftest import EVERYTHING_ON, SENT
from tests.fuzz.live import AUTHORIZATIONS, CSRF, FITTING, GRANTS, Live, authorization
from tests.fuzz.site import Site

pytestmark = pytest.mark.walk
Operation = APIOperation[Any, Any, Any, Any]
Request = Case[Operation]

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "300"))
SHORT = "FUZZ_REQUESTS" not in os.environ

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def operations() -> list[Operation]:
    """Every operation of the description, as the server publishes it."""
    with override_settings(**EVERYTHING_ON):
        schema = schemathesis.openapi.from_wsgi("/openapi.json", Site(), base_url="http://localhost:8000")
    found = list(schema.get_all_operations())
    assert [result for result in found if not isinstance(result, Ok)] == []
    return [result.ok() for result in found if isinstance(result, Ok)]


OPERATIONS = operations()
POSTS = [operation for operation in OPERATIONS if operation.method == "post"]
NAMES = {
    "/authorise": frozenset(FITTING) - {"token", "code", "next"},
    "/token": frozenset(
        {"grant_type", "code", "redirect_uri", "client_id", "client_secret", "refresh_token", "scope", "code_verifier"}
        | {"device_code", "assertion", "subject_token", "subject_token_type", "actor_token", "actor_token_type"}
        | {"requested_token_type", "resource"}
    ),
    "/device-authorization": frozenset({"client_id", "client_secret", "scope", "resource"}),
    "/device": frozenset({"user_code", "allow", "deny", "scope", "csrfmiddlewaretoken"}),
    "/oauth/revoke": frozenset({"token", "client_id", "client_secret"}),
    "/introspect": frozenset({"token", "client_id", "client_secret"}),
    "/register": frozenset({"client_id", "client_secret", "redirect_uri", "scope"}),
    "/oauth/deauthorise": frozenset({"client_id", "csrfmiddlewaretoken"}),
    "/login": frozenset({"username", "password", "next", "csrfmiddlewaretoken"}),
    "/logout": frozenset({"next", "csrfmiddlewaretoken"}),
}
# The run's requests are divided among the operations and, for raw bytes, the POSTs.
EXAMPLES = math.ceil(REQUESTS / (len(OPERATIONS) + len(POSTS)))


def fuzz(test: Callable[..., None]) -> Callable[..., None]:
    """Give a test the number of examples that one operation gets."""
    return settings(
        max_examples=EXAMPLES,
        derandomize=SHORT,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )(test)


def cases(operation: Operation) -> st.SearchStrategy[Request]:
    """Requests as described, and requests that break the description."""
    fitting = operation.as_strategy(GenerationMode.POSITIVE)
    if not (operation.query or operation.body):
        return fitting
    return fitting | operation.as_strategy(GenerationMode.NEGATIVE)


@st.composite
def seasonings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the parameters that get known values, and the sender of the request."""
    chosen = draw(st.sets(st.sampled_from(sorted(FITTING)), min_size=0)) | (
        set(FITTING) if draw(st.booleans()) else set()
    )
    return {
        "parameters": {name: draw(st.sampled_from(FITTING[name])) for name in sorted(chosen)},
        "authorization": draw(st.sampled_from(AUTHORIZATIONS)),
        "signed in": draw(st.booleans()),
        "csrf": draw(st.booleans()),
    }


def season(case: Request, seasoning: dict[str, Any], live: Live) -> None:
    """Put known values into the parameters that the request has or could have."""
    in_query = {parameter.name for parameter in case.operation.query}
    for name, kind in seasoning["parameters"].items():
        if isinstance(case.body, dict) and name in names_in(case.operation):
            case.body[name] = live.value(kind)
        elif name in in_query:
            case.query[name] = live.value(kind)
    if seasoning["authorization"] != "as it is":
        case.headers["Authorization"] = authorization(live, seasoning["authorization"])
    if seasoning["signed in"]:
        case.cookies["sessionid"] = live.value("session")
    if seasoning["csrf"]:
        case.cookies["csrftoken"] = CSRF


def names_in(operation: Operation) -> frozenset[str]:
    """Members that the body of an operation may have."""
    return NAMES.get(operation.path.rstrip("/"), frozenset())


def test_every_way_to_get_tokens_is_tried() -> None:
    """
    A developer who adds a grant type must add its values to live.py. Endpoints that a setting switches on are fuzzed,
    too.
    """
    with override_settings(**EVERYTHING_ON):
        described = {each.DESCRIPTION.name: each.DESCRIPTION for each in offered().values()}
    assert set(described) == set(GRANT_TYPES) == {GRANTS[kind] for kind in FITTING["grant_type"]}
    assert {name for each in described.values() for name in each.required} <= NAMES["/token"] & set(FITTING)
    assert {"/device", "/device-authorization", "/introspect"} <= {each.path.rstrip("/") for each in OPERATIONS}


@pytest.mark.django_db
@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.label for each in OPERATIONS])
def test_every_answer_is_as_described(
    operation: Operation, living: Live, record_property: Callable[[str, object], None]
) -> None:
    """Clients rely on the description, whatever they send."""
    sent = 0

    @fuzz
    @given(case=cases(operation), seasoning=seasonings())
    def send(case: Request, seasoning: dict[str, Any]) -> None:
        nonlocal sent
        season(case, seasoning, living)
        response = case.call()
        sent += 1
        case.validate_response(response, checks=CHECKS)

    try:
        send()
    finally:
        record_property(SENT, sent)


CONTENT_TYPES = st.sampled_from(
    [
        "",
        "application/json",
        "application/json; charset=utf-16",
        "application/json; charset=base64",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=latin-1",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "text/plain; charset=hex",
        "text/html",
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
PARAMETERS = st.lists(
    st.tuples(st.sampled_from(sorted(FITTING)) | st.text(max_size=5), st.text(max_size=20)), max_size=8
)
BODIES = (
    st.binary(max_size=200)
    | st.builds(lambda value: json.dumps(value).encode(), JSON_VALUES)
    | st.builds(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode(), PARAMETERS)
    | st.just(b"[" * 50_000)
    | st.just(b"a=" + b"x" * 70_000)
    | st.just(b"&".join(b"a%d=1" % number for number in range(1_200)))
    | st.just(b'--b\r\nContent-Disposition: form-data; name="username"; filename="\xff"\r\n\r\nx\r\n--b--')
)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", POSTS, ids=[each.label for each in POSTS])
def test_no_bytes_make_the_server_fail(
    operation: Operation, living: Live, record_property: Callable[[str, object], None]
) -> None:
    """Attackers and broken programs send any body, Content-Type, query and Authorization header."""
    described = {int(status) for status in operation.definition.raw["responses"]}
    cookie = f"sessionid={living.session()}; csrftoken={CSRF}"
    site = Site()
    sent = 0

    @fuzz
    @given(
        body=BODIES,
        content_type=CONTENT_TYPES,
        query=st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=40),
        headers=st.fixed_dictionaries(
            {}, optional={"HTTP_AUTHORIZATION": header_values(), "CONTENT_LENGTH": lengths()}
        ),
    )
    def send(body: bytes, content_type: str, query: str, headers: dict[str, str]) -> None:
        nonlocal sent
        environ = {"CONTENT_TYPE": content_type, "QUERY_STRING": query, "HTTP_COOKIE": cookie, **headers}
        status = site.post(operation.path, body, **environ)
        sent += 1
        assert status in described
        assert status < 500

    try:
        send()
    finally:
        record_property(SENT, sent)


def header_values() -> st.SearchStrategy[str]:
    """Authorization headers, as a WSGI server passes them on."""
    return st.builds(
        "{} {}".format,
        st.sampled_from(["Basic", "basic", "Bearer", "BEARER", "Digest", ""]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    )


def lengths() -> st.SearchStrategy[str]:
    """Content-Length headers that servers accept as a number."""
    return st.sampled_from(["", "0", "00", "+1", "-1", "1_0", "9999999999", " 5"])


def test_there_is_something_to_fuzz() -> None:
    """Without operations the tests above could not fail."""
    assert (len(OPERATIONS) > 50, len(POSTS) > 10) == (True, True)
