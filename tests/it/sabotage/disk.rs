//! Disks that are full or broken.
