//! Logs: one line an event, to standard error, in a form for people or as JSON.
//!
//! Every event that is logged while a request is being answered carries its `request_id`. The formatter takes it from the
//! task (see [`crate::http::RequestId::current`]), so that a request costs nothing as long as nothing is logged.
//!
//! Libraries that print what they see on the wire (HTTP/2 frames, headers, TLS) are held at `info` whatever the
//! level, because what they see are tokens and secrets.

use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::http::RequestId;

/// How much is logged, in the words of the configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Everything.
    Trace,
    /// Each request too.
    Debug,
    /// What an operator wants to know. The default.
    #[default]
    Info,
    /// What needs attention soon.
    Warn,
    /// What needs attention now.
    Error,
}

impl FromStr for Level {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "trace" => Ok(Self::Trace),
            "debug" => Ok(Self::Debug),
            // Vault knows "notice" too and treats it, like an empty text, as info.
            "info" | "notice" | "" => Ok(Self::Info),
            "warn" | "warning" => Ok(Self::Warn),
            "error" | "err" => Ok(Self::Error),
            _ => Err(UnknownWord {
                word: text.to_owned(),
                expected: "a log level: trace, debug, info, warn or error",
            }),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Standard,
    /// One JSON object a line.
    Json,
}

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "standard" | "" => Ok(Self::Standard),
            "json" => Ok(Self::Json),
            _ => Err(UnknownWord { word: text.to_owned(), expected: "a log format: standard or json" }),
        }
    }
}

/// Neither a level nor a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{word}\" is not {expected}")]
pub struct UnknownWord {
    word: String,
    expected: &'static str,
}

/// What to log and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// From which level on.
    pub level: Level,
    /// In which form; fixed once logging has begun.
    pub format: Format,
}

/// Changes the level while the process runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    filter: Option<reload::Handle<Targets, Registry>>,
    level: std::sync::Arc<Mutex<Level>>,
}

/// The handle that [`init`] gave; `None` before it was called.
pub fn handle() -> Option<Handle> {
    HANDLE.get().cloned()
}

impl Handle {
    /// From now on, log from this level on.
    pub fn set_level(&self, level: Level) {
        if let Some(filter) = &self.filter {
            // Fails only when the subscriber is gone, that is, at the very end of the process.
            let _ = filter.reload(targets(level));
        }
        *self.level.lock() = level;
    }

    /// From which level on it logs.
    pub fn level(&self) -> Level {
        *self.level.lock()
    }
}

/// Begins logging. The second and later calls only set the level, so tests and embedded services may call it freely;
/// if the embedding program installed its own subscriber first, that one stays and the handle does nothing.
pub fn init(settings: Settings) -> Handle {
    let mut is_first = false;
    let handle = HANDLE.get_or_init(|| {
        is_first = true;
        let (filter, reload_handle) = reload::Layer::new(targets(settings.level));
        // The filter is a layer under all others and not one attached to the output: an attached one remembers the answer
        // to a mere `enabled!` and applies it to the next event.
        let installed =
            tracing_subscriber::registry().with(filter).with(lines(settings.format, std::io::stderr));
        let level = std::sync::Arc::new(Mutex::new(settings.level));
        Handle { filter: installed.try_init().is_ok().then_some(reload_handle), level }
    });
    if !is_first {
        handle.set_level(settings.level);
    }
    handle.clone()
}

static HANDLE: OnceLock<Handle> = OnceLock::new();

fn targets(level: Level) -> Targets {
    let level = match level {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    let held = level.min(LevelFilter::INFO);
    [
        "h2",
        "hyper",
        "hyper_util",
        "reqwest",
        "rustls",
        "tokio_rustls",
        "tower",
        "tokio_postgres",
        "aws_config",
        "aws_smithy_runtime",
    ]
    .into_iter()
    .fold(Targets::new().with_default(level), |targets, library| targets.with_target(library, held))
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

fn lines<S, W, O>(format: Format, writer: W) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> O + Send + Sync + 'static,
    O: Write + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    match format {
        Format::Standard => {
            let inner = tracing_subscriber::fmt::format().with_ansi(false);
            layer.event_format(WithRequestId { inner, form: Format::Standard }).boxed()
        }
        Format::Json => {
            let inner = tracing_subscriber::fmt::format().json().flatten_event(true);
            layer.json().event_format(WithRequestId { inner, form: Format::Json }).boxed()
        }
    }
}

/// Adds the current request's id to what the inner formatter writes.
struct WithRequestId<F> {
    inner: F,
    form: Format,
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = RequestId::current() else {
            return self.inner.format_event(ctx, writer, event);
        };
        let mut line = String::with_capacity(256);
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match (self.form, line.strip_prefix('{')) {
            (Format::Json, Some(rest)) => writeln!(writer, "{{\"request_id\":\"{id}\",{rest}"),
            _ => writeln!(writer, "{line} request_id={id}"),
        }
    }
}

/// A writer into memory, so that tests read what would be printed.
#[derive(Debug, Clone, Default)]
pub struct Captured(std::sync::Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Logs of this thread, in the given form and from the given level on, go here while the guard lives.
    pub fn start(&self, settings: Settings) -> tracing::subscriber::DefaultGuard {
        let sink = self.clone();
        tracing_subscriber::registry()
            .with(targets(settings.level))
            .with(lines(settings.format, move || sink.clone()))
            .set_default()
    }

    /// What has been written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_vault_writes_them() {
        assert_eq!("WARN".parse(), Ok(Level::Warn));
        assert_eq!("Trace".parse(), Ok(Level::Trace));
        assert_eq!("JSON".parse(), Ok(Format::Json));
        let error = "loud".parse::<Level>().unwrap_err();
        assert!(error.to_string().contains("\"loud\" is not a log level"), "{error}");
    }

    #[test]
    fn json_lines_carry_the_fields_and_the_level_holds() {
        let captured = Captured::default();
        let guard = captured.start(Settings { level: Level::Info, format: Format::Json });
        tracing::info!(mount = "kv/", "mounted");
        tracing::debug!("unseen");
        drop(guard);
        let text = captured.text();
        assert!(
            text.starts_with('{') && text.contains("\"mount\":\"kv/\"") && text.contains("mounted"),
            "{text}"
        );
        assert!(!text.contains("unseen"), "{text}");
    }

    #[test]
    fn libraries_that_see_the_wire_stay_silent_at_trace() {
        let captured = Captured::default();
        let guard = captured.start(Settings { level: Level::Trace, format: Format::Standard });
        tracing::debug!(target: "h2::codec", "frame with x-vault-token");
        tracing::trace!("ours");
        drop(guard);
        assert!(!captured.text().contains("x-vault-token"));
        assert!(captured.text().contains("ours"));
    }

    #[test]
    fn logging_may_begin_twice() {
        init(Settings::default());
        init(Settings { level: Level::Warn, format: Format::Json }).set_level(Level::Info);
    }
}
