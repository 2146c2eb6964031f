"""
The demo's services, devices and APIs: registered by `seed_demo`, played by `simulate --flow`, listed in docs/demo.md.
"""

from simulation.cast import Api, Cast, Party

PRESCRIPTIONS = Api(
    identifier="https://api.wonderland.example/prescriptions",
    name="Prescriptions",
    scope="prescriptions:read",
    words="Your prescriptions",
)
ORDERS = Api(
    identifier="https://api.wonderland.example/orders",
    name="Orders",
    scope="orders:write",
    words="Order what you have been prescribed",
)
BOTH = f"{PRESCRIPTIONS.scope} {ORDERS.scope}"

SERVICE = Party(client_id="demo_service", name="Demo Nightly Report", client_secret="DEMO_SERVICE_SECRET", scope=BOTH)
TELEVISION = Party(client_id="demo_tv", name="Demo Television", scope="profile")
COMMAND_LINE = Party(client_id="demo_cli", name="Demo Command Line", scope="profile")
APP = Party(
    client_id="demo_app",
    name="Demo Pharmacy",
    client_secret="DEMO_APP_SECRET",
    redirect_uri="http://127.0.0.1:5003/callback",
    scope=BOTH,
)
GATEWAY = Party(client_id="demo_gateway", name="Demo Gateway", client_secret="DEMO_GATEWAY_SECRET", scope=BOTH)
API = Party(
    client_id="demo_api",
    name="Demo Prescriptions API",
    client_secret="DEMO_API_SECRET",
    scope=PRESCRIPTIONS.scope,
)
# APIs of the examples: `make run-mcp` and `make run-api` register them, each with a client to ask about tokens.
MCP_SERVER = Party(
    client_id="demo_mcp_server",
    name="Demo MCP Server",
    client_secret="DEMO_MCP_SERVER_SECRET",
    scope=PRESCRIPTIONS.scope,
)
REST_API = Party(
    client_id="demo_rest_api", name="Demo REST API", client_secret="DEMO_REST_API_SECRET", scope=PRESCRIPTIONS.scope
)
EXAMPLE_SCOPES = {PRESCRIPTIONS.scope: PRESCRIPTIONS.words, "prescriptions:order": ORDERS.words}


def cast(*, server_url: str, username: str, password: str) -> Cast:
    """All parties that play a flow at a server that `seed_demo` has prepared."""
    return Cast(
        server_url=server_url,
        username=username,
        password=password,
        service=SERVICE,
        device=TELEVISION,
        other_device=COMMAND_LINE,
        app=APP,
        gateway=GATEWAY,
        api_client=API,
        api=PRESCRIPTIONS,
        other_api=ORDERS,
    )
