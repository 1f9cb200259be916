"""What lets heartwire run by itself: the files of the system's own services, made out for one machine."""
