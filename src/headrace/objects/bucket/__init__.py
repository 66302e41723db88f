"""Objects in a bucket that speaks the S3 protocol (ADR 0031)."""
