//! How much the listener costs above hyper alone: the same bare answer to the same load, from both, in turns.
//!
//! `cargo run --release -p trustkeep-chassis --example bare_answer [connections] [seconds]`
//!
//! The load is made by this process too, on one thread, and each server has one thread. What is compared is the processor time
//! of the server's thread for each request, which other programs on the machine disturb little; a second divided by it is what one core
//! can answer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use trustkeep_chassis::http::{Incoming, ListenSettings, Listener, service_fn};
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_chassis::{logs, metrics};

const ROUNDS: usize = 5;
const REQUEST: &[u8] = b"GET /v1/sys/health HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[expect(clippy::print_stdout, reason = "the result is the output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let connections: usize = arguments.next().map_or(Ok(32), |text| text.parse())?;
    let seconds: f64 = arguments.next().map_or(Ok(1.0), |text| text.parse())?;
    logs::init(logs::Settings { level: logs::Level::Warn, ..logs::Settings::default() });
    metrics::install()?;

    let (chassis_runtime, hyper_runtime, load_runtime) =
        (one_thread("chassis")?, one_thread("hyper")?, one_thread("load")?);
    let listener = chassis_runtime
        .block_on(Listener::bind(ListenSettings::new("bare", SocketAddr::from(([127, 0, 0, 1], 0)))))?;
    let chassis_address = listener.local_address();
    chassis_runtime.spawn(listener.serve(service_fn(answer), Shutdown::new()));
    let socket = hyper_runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let hyper_address = socket.local_addr()?;
    hyper_runtime.spawn(serve_with_hyper_alone(socket));

    let (mut chassis_ns, mut hyper_ns) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (thread, address, results) in
            [("chassis", chassis_address, &mut chassis_ns), ("hyper", hyper_address, &mut hyper_ns)]
        {
            let before_ns = thread_cpu_ns(thread)?;
            let requests = load_runtime.block_on(load(address, connections, seconds))?;
            results.push((thread_cpu_ns(thread)? - before_ns) as f64 / requests as f64);
        }
    }
    println!(
        "{connections} connections, {ROUNDS} rounds of {seconds} s; processor time of the server for one request:"
    );
    for (name, results) in [("hyper alone", &mut hyper_ns), ("chassis", &mut chassis_ns)] {
        results.sort_by(f64::total_cmp);
        let (Some(best), Some(median)) = (results.first(), results.get(ROUNDS / 2)) else { continue };
        println!(
            "{name:<12} best {best:>7.0} ns, median {median:>7.0} ns: {:>7.0} requests a second and core",
            1e9 / median
        );
    }
    Ok(())
}

/// Time on a processor so far of the thread with this name (proc(5), schedstat).
fn thread_cpu_ns(name: &str) -> io::Result<u64> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let folder = task?.path();
        // A thread that ends between the listing and the reading is not the one.
        if std::fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.trim() == name) {
            let stat = std::fs::read_to_string(folder.join("schedstat"))?;
            return stat
                .split(' ')
                .next()
                .and_then(|text| text.parse().ok())
                .ok_or(io::ErrorKind::InvalidData.into());
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"{\"initialized\":true,\"sealed\":false}"))))
}

async fn serve_with_hyper_alone(socket: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer)),
        );
    }
}

/// The requests answered. Each connection sends the next one when it has the answer to the one before.
async fn load(address: SocketAddr, connections: usize, seconds: f64) -> io::Result<u64> {
    let (count, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(client(address, Arc::clone(&count), Arc::clone(&is_over))))
        .collect();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    is_over.store(true, Relaxed);
    for client in clients {
        client.await??;
    }
    Ok(count.load(Relaxed))
}

async fn client(address: SocketAddr, count: Arc<AtomicU64>, is_over: Arc<AtomicBool>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = [0u8; 4096];
    while !is_over.load(Relaxed) {
        stream.write_all(REQUEST).await?;
        // The answer fits one segment on the loopback interface.
        if stream.read(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        count.fetch_add(1, Relaxed);
    }
    Ok(())
}

fn one_thread(name: &str) -> io::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()?;
    // Its thread exists, with its name, once it has run something.
    runtime.block_on(runtime.spawn(std::future::ready(()))).map_err(io::Error::other)?;
    Ok(runtime)
}
