"""From a traced right-hand side to machine code: graph, derivatives, sparse algebra, kernel."""
