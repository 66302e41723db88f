"""All that is SQLite's: connections, the thread that writes, the way to the present schema."""
