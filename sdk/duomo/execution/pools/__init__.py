"""Many copies of one model: in processes, in actors of a cluster, or simulated."""
