//! A function behind a URL, for the emulator's own tests. Each path does one thing.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_stream::stream;
use lambda_http::http::Response;
use lambda_http::{Body, Error, Request, RequestExt, run_with_streaming_response, service_fn};

/// Counts while the process runs.
static TICKS: AtomicU64 = AtomicU64::new(0);

type Pieces = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Vec<u8>, Error>> + Send>>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var_os("FAIL_INIT").is_some() {
        std::process::exit(3);
    }
    std::thread::spawn(|| {
        loop {
            TICKS.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    run_with_streaming_response(service_fn(answer)).await
}

async fn answer(request: Request) -> Result<Response<HttpBody>, Error> {
    let parameter = |name: &str| request.query_string_parameters().first(name).unwrap_or_default().to_owned();
    let text = match request.uri().path() {
        "/echo" => echo(&request),
        "/ticks" => TICKS.load(Ordering::Relaxed).to_string(),
        "/process" => std::process::id().to_string(),
        "/hang" => std::future::pending().await,
        "/die" => std::process::abort(),
        "/fail" => return Err("it went wrong".into()),
        "/empty" => String::new(),
        "/slow" => {
            until(&parameter("gate")).await;
            std::process::id().to_string()
        }
        "/stream" => {
            let (gate, done) = (parameter("gate"), parameter("done"));
            return respond(Box::pin(stream! {
                yield Ok(b"first".to_vec());
                until(&gate).await;
                yield Ok(b"second".to_vec());
                if !done.is_empty() {
                    std::fs::write(done, "done").unwrap();
                }
            }));
        }
        "/cut" => {
            return respond(Box::pin(stream! {
                yield Ok(b"first".to_vec());
                // Gives the piece time to leave.
                tokio::time::sleep(Duration::from_millis(100)).await;
                std::process::abort();
                #[expect(unreachable_code, reason = "says what the stream yields")]
                { yield Ok(Vec::new()); }
            }));
        }
        other => format!("nothing at {other}"),
    };
    respond(Box::pin(stream! {
        if !text.is_empty() {
            yield Ok(text.into_bytes());
        }
    }))
}

fn echo(request: &Request) -> String {
    let body = match request.body() {
        Body::Text(text) => format!("text {text}"),
        Body::Binary(bytes) => format!("{} bytes", bytes.len()),
        _ => "nothing".to_owned(),
    };
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    let (method, uri) = (request.method(), request.uri());
    format!(
        "{method} {} {} | accept {} | cookie {} | {body}",
        uri.path(),
        uri.query().unwrap_or("-"),
        header("accept"),
        header("cookie")
    )
}

/// Waits until a file exists.
async fn until(gate: &str) {
    while !Path::new(gate).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn respond(pieces: Pieces) -> Result<Response<HttpBody>, Error> {
    let response = Response::builder().status(201).header("x-said", "yes");
    let response = response.header("set-cookie", "a=1").header("set-cookie", "b=2");
    Ok(response.body(HttpBody(pieces))?)
}

/// A body of pieces.
struct HttpBody(Pieces);

impl http_body::Body for HttpBody {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Error>>> {
        self.0
            .as_mut()
            .poll_next(context)
            .map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece?.into()))))
    }
}
