"""How good a rendered photo is: named protocols, LPIPS, regions, and means with intervals."""
