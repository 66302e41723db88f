"""All that is PostgreSQL's: connections, transactions, the schema as it is made there."""
