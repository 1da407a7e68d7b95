"""What is compared: everything that makes a shallow photo of a wide one, one file each."""
