//! A relay in front of a service, which can be cut, slowed and restored.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Slow(Duration),
    Cut,
}

/// A port of this machine that leads to a service. Dropping it cuts it for good.
pub struct Relay {
    address: SocketAddr,
    state: watch::Sender<State>,
    is_listening: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Leads to what listens on `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, changes) = watch::channel(State::Open);
        let (listens, is_listening) = watch::channel(true);
        let task = tokio::spawn(serve(listener, address, target, changes, listens));
        Ok(Self { address, state, is_listening, task })
    }

    /// Leads to the service that a URL names, and returns the URL of the relay too.
    pub async fn before(url: &str) -> anyhow::Result<(Self, String)> {
        let mut url: url::Url = url.parse()?;
        let target = format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().context("a port")?);
        let target = tokio::net::lookup_host(target).await?.next().context("an address")?;
        let relay = Self::start(target).await?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(relay.address.port())).map_err(|()| anyhow::anyhow!("a URL with a port"))?;
        Ok((relay, url.into()))
    }

    /// Refuses connections and breaks off those that are open, as when the service is gone.
    pub async fn cut(&self) {
        self.turn(State::Cut).await;
    }

    /// Lets every piece wait this long, in both directions.
    pub async fn slow(&self, wait: Duration) {
        self.turn(State::Slow(wait)).await;
    }

    /// Relays at once, as in the beginning.
    pub async fn restore(&self) {
        self.turn(State::Open).await;
    }

    async fn turn(&self, state: State) {
        self.state.send_replace(state);
        let mut is_listening = self.is_listening.clone();
        // The relay is gone only when this is: there is nothing left to wait for.
        let _ = is_listening.wait_for(|listening| *listening == (state != State::Cut)).await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
    mut state: watch::Receiver<State>,
    listens: watch::Sender<bool>,
) {
    let mut first = Some(listener);
    loop {
        if state.wait_for(|state| *state != State::Cut).await.is_err() {
            return;
        }
        let listener = match first.take() {
            Some(listener) => Ok(listener),
            None => TcpListener::bind(address).await,
        };
        let Ok(listener) = listener else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        listens.send_replace(true);
        let mut connections = JoinSet::new();
        let passed_on = state.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        connections.spawn(relay(client, target, passed_on.clone()));
                    }
                }
                Some(_) = connections.join_next() => {}
                changed = state.wait_for(|state| *state == State::Cut) => match changed {
                    Ok(_) => break,
                    Err(_) => return,
                },
            }
        }
        drop(listener);
        connections.shutdown().await;
        listens.send_replace(false);
    }
}

async fn relay(client: TcpStream, target: SocketAddr, state: watch::Receiver<State>) {
    let Ok(service) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), service.set_nodelay(true));
    let ((from_client, to_client), (from_service, to_service)) = (client.into_split(), service.into_split());
    tokio::join!(pump(from_client, to_service, state.clone()), pump(from_service, to_client, state));
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: watch::Receiver<State>) {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let now = *state.borrow();
        if let State::Slow(wait) = now {
            tokio::time::sleep(wait).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_cut_relay_breaks_off_and_refuses_until_it_is_restored() {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Relay::start(service.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = service.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let mut client = TcpStream::connect(relay.address).await.unwrap();
        client.write_all(b"a").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'a');
        relay.cut().await;
        assert!(client.read_u8().await.is_err());
        assert!(TcpStream::connect(relay.address).await.is_err());
        relay.restore().await;
        let mut client = TcpStream::connect(relay.address).await.unwrap();
        client.write_all(b"b").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'b');
    }
}
