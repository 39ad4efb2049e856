"""Python peers: records of 64 bytes between two processes, copied in and copied out."""
