"""How the families of this plugin are trained; each encoder runs packed, as in inference, with gradients."""
