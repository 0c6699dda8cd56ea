"""What a single machine needs to run everything by itself: a private database server and a launcher."""
