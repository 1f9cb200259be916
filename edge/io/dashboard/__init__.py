"""The live page: a small server that is one more subscriber of the broker, so that the monitor never waits for it."""
