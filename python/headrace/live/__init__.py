"""Systems live: the nodes that run in a simulated world, as processes over sockets."""
