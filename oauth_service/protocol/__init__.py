"""The rules of the specifications, one file each: values in, value or exception out. Nothing here imports Django."""
