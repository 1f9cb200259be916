"""Thin shells: everything that touches a socket, a port, a file or a clock."""
