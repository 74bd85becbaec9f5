"""The processes of a graph: each node's own, and the supervisor that watches over them."""
