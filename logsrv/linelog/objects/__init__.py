"""Objects with names in a directory or a bucket, at a URL: written once, and read in parts."""
