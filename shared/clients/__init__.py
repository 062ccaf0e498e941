"""One typed client a service."""

from shared.clients.catalog import CatalogClient
from shared.clients.gateway import GatewayClient
from shared.clients.licensing import LicensingClient
from shared.clients.matching import MatchingClient
from shared.clients.oversight import OversightClient
from shared.clients.register import RegisterClient

__all__ = ["CatalogClient", "GatewayClient", "LicensingClient", "MatchingClient", "OversightClient", "RegisterClient"]
