"""The machine: cores, memory, locks, disks, interrupts and installed packages."""
