"""One typed client a service."""

from shared.clients.catalog import CatalogClient
from shared.clients.documents import DocumentsClient
from shared.clients.gateway import GatewayClient
from shared.clients.licensing import LicensingClient
from shared.clients.matching import MatchingClient

__all__ = ["CatalogClient", "DocumentsClient", "GatewayClient", "LicensingClient", "MatchingClient"]
