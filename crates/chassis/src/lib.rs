//! What every service stands on: configuration, TLS, listeners, health, metrics, logs, shutdown, clock.
