"""Optimisation over a horizon of a dynamic system: what control and moving-horizon estimates share.

``dynamics`` sees a declared system as one function of states, held inputs and loose values;
``stepping`` carries it over an interval; ``condensing`` writes the linearised interval maps in terms
of the decisions alone; ``qp`` solves the quadratic programme that results; ``shooting`` iterates.
"""
