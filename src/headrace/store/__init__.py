"""SQL: plain functions of a connection that take and return core values."""
