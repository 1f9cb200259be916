"""What other programs read of heartwire: their files, and what is published for their sake. Pure."""
