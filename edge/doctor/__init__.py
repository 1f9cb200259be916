"""What is at the other end of a port, what is wrong with it, and which lines of configuration mend it. Pure."""
