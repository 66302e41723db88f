"""Where the rows of answered calls are put on disk, and how they get to the database."""
