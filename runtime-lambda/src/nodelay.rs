//! Nagle's algorithm on the connection to the Runtime API.
//!
//! lambda_runtime writes an answer's head and its body apart and leaves the algorithm on, which costs about 40 ms an
//! answer. Its connections cannot be reached, but they are file descriptors of this process.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::net::sockopt;

/// The connections to one Runtime API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections {
    port: u16,
}

impl Connections {
    /// Returns those of this process's Runtime API; `None` outside Lambda.
    pub(crate) fn from_env() -> Option<Self> {
        Self::to(&std::env::var("AWS_LAMBDA_RUNTIME_API").ok()?)
    }

    /// `HOST:PORT`, and with some emulators a path after it.
    fn to(api: &str) -> Option<Self> {
        let authority = api.split('/').next()?;
        authority.rsplit(':').next()?.parse().ok().map(|port| Self { port })
    }

    /// Switches the algorithm off on all of them and returns how many there are.
    pub(crate) fn set(self) -> usize {
        let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return 0 };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|number| self.set_one(*number)).count()
    }

    #[expect(unsafe_code, reason = "the connection belongs to a library that does not give it out")]
    fn set_one(self, number: RawFd) -> bool {
        // SAFETY: the number was listed as open a moment ago by the only thread that opens and closes connections. If
        // it is closed all the same, both calls fail, or set the option on another connection, which does no harm.
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        let Ok(Some(peer)) = rustix::net::getpeername(socket) else { return false };
        let is_api = SocketAddr::try_from(peer).is_ok_and(|peer| peer.port() == self.port);
        is_api && sockopt::set_tcp_nodelay(socket, true).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_option_is_set_on_connections_to_the_api_alone() {
        let (api, other) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let to_api = TcpStream::connect(api.local_addr().unwrap()).unwrap();
        let to_other = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        let connections = Connections::to(&format!("{}/rest", api.local_addr().unwrap())).unwrap();
        assert_eq!(connections.set(), 1);
        assert!(to_api.nodelay().unwrap() && !to_other.nodelay().unwrap());
    }
}
