"""What the monitor costs on this machine: engines, pipeline, start-up, and the way from serial byte to subscriber."""
