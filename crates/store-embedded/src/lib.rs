//! The store in one directory: crash-safe, group commit.
