//! A rate-limit service for tests: `hemostat-rls PORT REDIS_URL CONFIG.json`, where the configuration holds
//! `{"limitador": [limits as in limitador's file], "ratelimit": [domains as in envoyproxy/ratelimit's files]}`, and what is
//! out of order: `"faults": {METHOD: "missing" | "failing" | "late"}`, `"longest_s"` of a reservation.
//! gRPC over HTTP/2 without TLS, on the loopback. Port 0 takes a free one; it is the first line of the output.

mod envoy;
mod limitador;
mod messages;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

/// How long the storage has to answer; the real servers have such a bound too.
const STORAGE_MS: u64 = 200;

const UNIMPLEMENTED: u16 = 12;
const UNAVAILABLE: u16 = 14;
const INVALID_ARGUMENT: u16 = 3;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    limitador: Vec<::limitador::limit::Limit>,
    #[serde(default)]
    ratelimit: Vec<envoy::Domain>,
    /// By method.
    #[serde(default)]
    faults: HashMap<String, Fault>,
    /// How long a reservation lasts at the most, in seconds.
    longest_s: Option<u64>,
}

/// What is out of order with a method.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Fault {
    /// A server of a version without it.
    Missing,
    /// An error in place of what it does.
    Failing,
    /// It does what it does, and answers when nobody waits any more.
    Late,
}

/// Longer than anybody waits.
const LATE: Duration = Duration::from_millis(800);

struct Services {
    limitador: limitador::Limitador,
    envoy: envoy::Envoy,
    faults: HashMap<String, Fault>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let usage = || "usage: hemostat-rls PORT REDIS_URL CONFIG.json".to_owned();
    let (port, redis, config) = (arguments.next(), arguments.next(), arguments.next());
    let port: u16 = port.and_then(|port| port.parse().ok()).ok_or_else(usage)?;
    let (redis, config) = (redis.ok_or_else(usage)?, config.ok_or_else(usage)?);
    let config = std::fs::read(config).map_err(|error| error.to_string())?;
    let config: Config = serde_json::from_slice(&config).map_err(|error| error.to_string())?;
    let services = Rc::new(Services {
        limitador: limitador::Limitador::new(
            &redis,
            config.limitador,
            config.longest_s.map(Duration::from_secs),
        )
        .await?,
        envoy: envoy::Envoy::new(&redis, config.ratelimit).await?,
        faults: config.faults,
    });
    let listener =
        TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?.port());
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let _ = socket.set_nodelay(true);
                tokio::task::spawn_local(connection(socket, Rc::clone(&services)));
            }
        })
        .await
}

/// A connection that is made again soon after the storage is back: by default its pauses grow to many seconds.
async fn connect(client: redis::Client) -> Result<redis::aio::ConnectionManager, String> {
    let config = redis::aio::ConnectionManagerConfig::new().set_max_delay(100);
    let made = redis::aio::ConnectionManager::new_with_config(client, config).await;
    made.map_err(|error| error.to_string())
}

async fn connection(socket: TcpStream, services: Rc<Services>) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let services = Rc::clone(&services);
        tokio::task::spawn_local(async move {
            let _ = call(request, respond, &services).await;
        });
    }
}

async fn call(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    services: &Services,
) -> Result<(), h2::Error> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut all = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    // One message: a flag, a length, the bytes.
    let answer = match all.get(5..) {
        None => Err((INVALID_ARGUMENT, "no request".to_owned())),
        Some(message) => answer(&path, message, services).await,
    };
    let head = Response::builder().header("content-type", "application/grpc").body(());
    let mut send = respond.send_response(head.unwrap_or_default(), false)?;
    let (status, text) = match answer {
        Ok(answer) => {
            let mut framed = BytesMut::new();
            framed.put_u8(0);
            framed.put_u32(u32::try_from(answer.len()).unwrap_or_default());
            framed.extend_from_slice(&answer);
            send.send_data(framed.freeze(), false)?;
            (0, String::new())
        }
        Err(error) => error,
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    let text: String = text.chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
    trailers.insert(
        "grpc-message",
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")),
    );
    send.send_trailers(trailers)
}

async fn answer(path: &str, message: &[u8], services: &Services) -> Result<Vec<u8>, (u16, String)> {
    let (service, method) = path.rsplit_once('/').unwrap_or_default();
    let fault = services.faults.get(method).copied();
    if fault == Some(Fault::Failing) {
        return Err((UNAVAILABLE, "out of order".to_owned()));
    }
    let Services { limitador, envoy, .. } = services;
    let work = async {
        match (service, method) {
            _ if fault == Some(Fault::Missing) => Err((UNIMPLEMENTED, "no such method".to_owned())),
            ("/kuadrant.service.ratelimit.v1.RateLimitService", "CheckRateLimit") => {
                said(limitador.check(&read(message)?).await)
            }
            ("/kuadrant.service.ratelimit.v1.RateLimitService", "Report") => {
                said(limitador.report(&read(message)?).await)
            }
            ("/kuadrant.service.ratelimit.v1.RateLimitService", "Reserve") => {
                said(limitador.reserve(&read(message)?).await)
            }
            ("/kuadrant.service.ratelimit.v1.RateLimitService", "Commit") => {
                said(limitador.commit(&read(message)?).await)
            }
            ("/envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit") => {
                said(envoy.should(&read(message)?).await)
            }
            _ => Err((UNIMPLEMENTED, "no such method".to_owned())),
        }
    };
    let done = match tokio::time::timeout(Duration::from_millis(STORAGE_MS), work).await {
        Ok(answer) => answer,
        Err(_) => Err((UNAVAILABLE, "the storage does not answer".to_owned())),
    };
    if fault == Some(Fault::Late) {
        tokio::time::sleep(LATE).await;
    }
    done
}

fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, (u16, String)> {
    M::decode(bytes).map_err(|error| (INVALID_ARGUMENT, error.to_string()))
}

fn said(answer: Result<impl Message, String>) -> Result<Vec<u8>, (u16, String)> {
    answer.map(|answer| answer.encode_to_vec()).map_err(|error| (UNAVAILABLE, error))
}
