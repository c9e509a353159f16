//! Who works off which shard of a queue.
