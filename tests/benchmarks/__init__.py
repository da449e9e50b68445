"""CPU and wall time of augcli over that of decoding and encoding alone; see README.md."""
