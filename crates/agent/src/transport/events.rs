//! The feed of events for the admin API's WebSocket: what is committed, as it is committed.

use std::sync::Arc;

use tokio::sync::broadcast;

/// Events that a listener has not read yet; who is slower misses some.
const EVENTS_MAX: usize = 1024;

/// Tells whoever listens now of every event: those of this process as soon as they are committed, those of others as
/// soon as they say so. Nothing is kept for who does not listen: the webhooks are for that.
#[derive(Debug)]
pub struct Feed(broadcast::Sender<Arc<str>>);

impl Feed {
    /// What is told from now on: a JSON text `{"topic": …, "payload": …, "queued_at": …}` each.
    pub fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }

    pub(crate) fn is_listened_to(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn committed(&self, events: Vec<Arc<str>>) {
        for event in events {
            // That nobody listens any more is no error.
            let _ = self.0.send(event);
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::channel(EVENTS_MAX).0)
    }
}
