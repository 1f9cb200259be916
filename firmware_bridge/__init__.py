"""Bytes to samples and back: wire formats, devices, time lines and the virtual patient.

Nothing in this package knows what a heartbeat is, but for the virtual patient.
"""
