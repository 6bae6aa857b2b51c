"""What the devices log: an ordinary hour of each in its vendor's format, the planted attack in it, and how it is sent."""
