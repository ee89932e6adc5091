"""A server of tools, made with the official Python SDK: `python -m rig.mcp_server PORT sse|json`."""

import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel

server = MCPServer("demo")
deleted = []


class Answer(BaseModel):
    """What a user is asked for."""

    sure: bool


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def delete_all(secret: str = "") -> str:
    """Deletes everything."""
    deleted.append(secret)
    return "all is gone"


@server.tool()
def deletions() -> int:
    """How often everything was deleted."""
    return len(deleted)


@server.tool()
def refund(order: str, amount: float) -> str:
    """Pays money back."""
    return f"refunded {amount:g} for {order}"


@server.tool()
def read_key() -> str:
    """Reads a secret."""
    return "the key is s3cr3t-4711, keep it"


@server.tool()
async def slow(steps: int, context: Context) -> str:
    """Tells how far it is."""
    for step in range(steps):
        await context.report_progress(step + 1, steps)
    return "done"


@server.tool()
async def book(context: Context) -> str:
    """Asks the user."""
    asked = await context.elicit("Are you sure?", Answer)
    return f"user says {asked.action} {asked.data.sure if asked.action == 'accept' else ''}"


if __name__ == "__main__":
    port, form = int(sys.argv[1]), sys.argv[2]
    # Through a proxy the host is the proxy's.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(json_response=form == "json", transport_security=security)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
