"""How a server is: one page for people, the same as JSON, and the gauges of Prometheus."""
