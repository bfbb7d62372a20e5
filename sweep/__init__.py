"""Design-space exploration of MobileNets: cost, latency and accuracy over (alpha, rho)."""
