"""What is compared: methods that turn pictures into codes, learned and not."""
