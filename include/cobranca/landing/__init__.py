"""Make one landing: read every source, sort, check and publish it as one partition."""
