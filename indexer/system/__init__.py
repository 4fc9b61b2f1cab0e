"""The machine: cores, memory, locks, disks, interrupts, and the packages that are installed."""
