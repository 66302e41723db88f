"""Objects: bytes by path, behind one port."""
