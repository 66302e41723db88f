"""The pipeline templates that ship with the server: a folder for each, and what reads them."""
