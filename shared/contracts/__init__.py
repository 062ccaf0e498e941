"""What crosses the wire between services and to the world: types only, one file a service."""
