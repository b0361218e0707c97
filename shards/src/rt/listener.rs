//! A listening socket: one per shard and address, spread by SO_REUSEPORT.

use super::stream::Arrived;
use monoio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, IntoRawFd};

/// A listening socket of this shard.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds and listens. Can be done on any thread before [`Listener::start`].
    ///
    /// # Errors
    /// Address in use, not ours, or below 1024 without the right to it.
    pub fn bind(address: SocketAddr, backlog: u32, shared: bool) -> io::Result<Socket> {
        let socket = Listener::reserve(address, shared)?;
        Listener::listen(&socket, backlog)?;
        Ok(socket)
    }

    /// Binds alone: until [`Listener::listen`] clients are refused.
    ///
    /// # Errors
    /// As for [`Listener::bind`].
    pub fn reserve(address: SocketAddr, shared: bool) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if shared {
            socket.set_reuse_port(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }

    /// From now on the kernel takes connections for a reserved socket.
    ///
    /// # Errors
    /// Address in use: the kernel lets others bind and listen where nobody listens yet.
    pub fn listen(socket: &Socket, backlog: u32) -> io::Result<()> {
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))
    }

    /// Puts a bound socket onto this shard's ring.
    ///
    /// # Errors
    /// The kernel's.
    pub fn start(socket: Socket) -> io::Result<Listener> {
        let address = socket
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Listener {
            tcp: TcpListener::from_std(socket.into())?,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    ///
    /// # Errors
    /// Out of descriptors, or [`Listener::stop`] was called.
    pub async fn accept(&self) -> io::Result<Arrived> {
        let (stream, peer) = self.tcp.accept().await?;
        Ok(Arrived::from_accept(stream.into_raw_fd(), peer))
    }

    /// Wakes a waiting accept, which then fails; new connections are refused.
    pub fn stop(&self) {
        // SAFETY: the descriptor is open as long as `self`. An error leaves nothing to wake.
        unsafe { libc::shutdown(self.tcp.as_raw_fd(), libc::SHUT_RDWR) };
    }
}
