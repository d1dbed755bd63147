"""How right a system is on texts whose truth is known. No Django here."""
