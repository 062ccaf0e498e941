"""The gateway over HTTP: its own routes, and the way through to the services."""

from services.gateway.api.door import GatewayDoor
from services.gateway.api.forward import Forward
from services.gateway.api.routes import router

__all__ = ["Forward", "GatewayDoor", "router"]
