"""What an OdeSystem may declare besides its equations: stimuli, crossings, actions, mass."""
