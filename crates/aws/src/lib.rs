//! AWS credentials in their documented order, and requests signed with SigV4.
