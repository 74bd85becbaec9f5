"""Where frames come from: files, devices and cameras on the network."""
