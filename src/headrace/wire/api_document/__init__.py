"""The OpenAPI document of the whole API, put together from tables."""
