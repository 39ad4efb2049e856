"""All interleavings of small configurations of the ring's reference model."""
