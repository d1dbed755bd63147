"""What every part may know about texts: no Django, no model, nothing of the rest."""
