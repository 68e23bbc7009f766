"""What turns the sources under chapters/ into notebooks and into the book."""
