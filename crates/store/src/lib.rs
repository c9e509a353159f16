//! The store contract: records, transactions, leases; the memory backend and the conformance suite.
