"""Networks inside differential equations: what is known stays written, what is not is learned."""
