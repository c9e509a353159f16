//! What is recorded of unit groups, units, nodes and disks.
