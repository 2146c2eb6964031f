"""Messages of the lifecycle guide, verbatim."""

STEP_1 = """\
[Alice's Browser] ---> [oauth_service]

--- [REQUEST] ---
GET /authorise/?response_type=code&client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&scope=user%20profile&state=xyzABC123 HTTP/1.1
Host: localhost:8000
-----------------"""  # noqa: E501 - the guide's own line

STEP_2 = """\
[Alice's Browser] ---> [oauth_service]

--- [REQUEST] ---
POST /authorise/ HTTP/1.1
Host: localhost:8000
Content-Type: application/x-www-form-urlencoded

client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&scope=user%20profile&state=xyzABC123
-----------------"""

STEP_3 = """\
[oauth_service] ---> [Alice's Browser]

--- [RESPONSE] ---
HTTP/1.1 302 Found
Location: http://127.0.0.1:5000/callback?code=SPL__a-Random-UrlSafe-String-1234&state=xyzABC123
------------------"""

STEP_4 = """\
[prescription_manager_app Server] ---> [oauth_service]

--- [REQUEST] ---
POST /token/ HTTP/1.1
Host: localhost:8000
Content-Type: application/json

{
    "grant_type": "authorization_code",
    "code": "SPL__a-Random-UrlSafe-String-1234",
    "redirect_uri": "http://127.0.0.1:5000/callback",
    "client_id": "presc_man_123",
    "client_secret": "ITS_A_VERY_SECRET_KEY"
}
-----------------"""

STEP_5 = """\
[oauth_service] ---> [prescription_manager_app Server]

--- [RESPONSE] ---
HTTP/1.1 200 OK
Content-Type: application/json

{
    "access_token": "AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "RT_A_DIFFERENT_RANDOM_SECURE_TOKEN_STRING",
    "scope": "user profile"
}
------------------"""

STEP_6 = """\
[prescription_manager_app Server] ---> [oauth_service]

--- [REQUEST] ---
GET /userinfo/ HTTP/1.1
Host: localhost:8000
Authorization: Bearer AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING
-----------------"""

STEP_7 = """\
[prescription_manager_app Server] ---> [oauth_service]

--- [REQUEST] ---
POST /token/ HTTP/1.1
Host: localhost:8000
Content-Type: application/json

{
    "grant_type": "refresh_token",
    "refresh_token": "RT_A_DIFFERENT_RANDOM_SECURE_TOKEN_STRING",
    "client_id": "presc_man_123",
    "client_secret": "ITS_A_VERY_SECRET_KEY"
}
-----------------"""

STEP_9_REVOCATION = """\
[prescription_manager_app Server] ---> [oauth_service]

--- [REQUEST] ---
POST /oauth/revoke/ HTTP/1.1
Host: localhost:8000
Content-Type: application/json

{
    "token": "AT_THE_CURRENT_ACTIVE_ACCESS_TOKEN",
    "client_id": "presc_man_123",
    "client_secret": "ITS_A_VERY_SECRET_KEY"
}
-----------------"""

STEP_9_DEAUTHORISATION = """\
[Alice's Browser] ---> [oauth_service]

--- [REQUEST] ---
POST /oauth/deauthorise/ HTTP/1.1
Host: localhost:8000
Content-Type: application/x-www-form-urlencoded
Cookie: sessionid=...

client_id=presc_man_123
-----------------"""


def said(block: str) -> str:
    """Return the message as sent, without its frame and the names of the parties."""
    return block.partition("] ---\n")[2].rpartition("\n")[0]
