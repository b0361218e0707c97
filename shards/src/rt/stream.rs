//! A connected TCP socket on this shard's ring.

use super::buffer::Buffer;
use super::deadline::{Place, When};
use monoio::buf::{IoBuf, IoBufMut, IoVecBuf};
use monoio::io::{AsyncReadRent, AsyncWriteRent};
use monoio::net::TcpStream;
use ringside_engine::time::Mono;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::cell::UnsafeCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// An accepted socket that no ring knows yet: it may travel to a sibling.
#[derive(Debug)]
pub struct Arrived {
    /// The socket.
    pub socket: OwnedFd,
    /// Who connected.
    pub peer: SocketAddr,
}

/// A connected socket. All operations take `&self`: one read and one write may be under way at
/// the same time, from different tasks of this shard.
///
/// Dropping it closes the socket. Never drop one of its futures before it is done; set a
/// deadline instead.
pub struct Stream {
    // Declared first so that the place is given back before the socket is closed.
    place: Place,
    tcp: UnsafeCell<TcpStream>,
}

impl Stream {
    /// Takes a socket that arrived onto this shard's ring.
    ///
    /// # Errors
    /// The socket can't be configured: it is gone already.
    pub fn adopt(arrived: Arrived) -> io::Result<Stream> {
        let socket = Socket::from(arrived.socket);
        // Without it a small answer may wait 40 ms for the peer's delayed acknowledgement.
        socket.set_nodelay(true)?;
        Self::from_socket(socket)
    }

    fn from_socket(socket: Socket) -> io::Result<Stream> {
        // The ring waits by itself; a non-blocking socket would make it give up with EAGAIN.
        socket.set_nonblocking(false)?;
        let tcp = TcpStream::from_std(socket.into())?;
        Ok(Stream {
            place: Place::enter(tcp.as_raw_fd()),
            tcp: UnsafeCell::new(tcp),
        })
    }

    /// Connects to `address`, for at most `timeout`.
    ///
    /// # Errors
    /// The kernel's, or `TimedOut`.
    pub async fn connect(address: SocketAddr, timeout: Duration, now: Mono) -> io::Result<Stream> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let pending = match socket.connect(&address.into()) {
            Ok(()) => false,
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => true,
            Err(error) => return Err(error),
        };
        let stream = Self::from_socket(socket)?;
        if pending {
            stream.place.set(When::Write, timeout, now);
            stream.tcp().writable(false).await?;
            if stream.place.expired() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if let Some(error) = stream.socket(|socket| socket.take_error())? {
                return Err(error);
            }
            stream.place.clear(When::Write);
        }
        Ok(stream)
    }

    fn tcp(&self) -> &TcpStream {
        // SAFETY: a shared reference; see `tcp_mut` for why it may coexist with the others.
        unsafe { &*self.tcp.get() }
    }

    /// Asks something of the socket beside reading and writing.
    fn socket<R>(&self, ask: impl FnOnce(SockRef<'_>) -> R) -> R {
        // SAFETY: the descriptor stays open as long as `self`, and the borrow ends before.
        let fd = unsafe { BorrowedFd::borrow_raw(self.raw()) };
        ask(SockRef::from(&fd))
    }

    #[allow(clippy::mut_from_ref)]
    fn tcp_mut(&self) -> &mut TcpStream {
        // SAFETY: monoio's read and write calls use the reference only to clone the shared
        // descriptor into the operation (its own `Split` rests on this), and the shard is one
        // thread, so no two such calls overlap in time.
        unsafe { &mut *self.tcp.get() }
    }

    /// Resolves when bytes can be read, or the peer or a deadline ended the reading side. Holds
    /// no buffer meanwhile.
    ///
    /// # Errors
    /// The kernel's.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.tcp().readable(false)
    }

    /// Reads into the room of `buffer`, which must not be empty; 0 is the end.
    pub fn read<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = (io::Result<usize>, B)> + '_ {
        self.tcp_mut().read(buffer)
    }

    /// Reads what has arrived, after [`Stream::readable`], into the room of `buffer`, without
    /// waiting: one system call, cheaper than another turn through the ring. 0 is the end.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when nothing is there after all.
    pub fn read_arrived(&self, buffer: &mut Buffer) -> io::Result<usize> {
        let (at, room) = (buffer.write_ptr(), buffer.bytes_total());
        // SAFETY: the pointer and length are those of the buffer's room; the call does not wait.
        let n = unsafe { libc::recv(self.raw(), at.cast(), room, libc::MSG_DONTWAIT) };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: the kernel wrote `n` bytes into the room.
        unsafe { buffer.set_init(n) };
        Ok(n)
    }

    /// Writes some of `buffer`; returns how much.
    pub fn write<B: IoBuf>(&self, buffer: B) -> impl Future<Output = (io::Result<usize>, B)> + '_ {
        self.tcp_mut().write(buffer)
    }

    /// Writes some of the parts; returns how much.
    pub fn write_parts<B: IoVecBuf>(
        &self,
        parts: B,
    ) -> impl Future<Output = (io::Result<usize>, B)> + '_ {
        self.tcp_mut().writev(parts)
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The peer is gone or over its time.
    pub async fn write_all(&self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let len = bytes.len();
        let mut bytes = bytes;
        let mut done = 0;
        while done < len {
            let (result, slice) = self.write(bytes.slice(done..len)).await;
            bytes = slice.into_inner();
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), bytes),
                Ok(n) => done += n,
                Err(error) => return (Err(error), bytes),
            }
        }
        (Ok(()), bytes)
    }

    /// The socket is ended if it still waits for `when` after this time.
    pub fn deadline(&self, when: When, after: Duration, now: Mono) {
        self.place.set(when, after, now);
    }

    /// No deadline for `when` any more.
    pub fn no_deadline(&self, when: When) {
        self.place.clear(when);
    }

    /// A deadline has ended it.
    pub fn expired(&self) -> bool {
        self.place.expired()
    }

    /// Nothing has arrived and the peer has not closed: a kept connection is fit for a request.
    pub fn is_quiet(&self) -> bool {
        let mut byte = 0_u8;
        // SAFETY: the pointer is to one writable byte; MSG_DONTWAIT makes the call return at once.
        let got = unsafe {
            libc::recv(
                self.raw(),
                (&raw mut byte).cast(),
                1,
                libc::MSG_PEEK | libc::MSG_DONTWAIT,
            )
        };
        got < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
    }

    /// Ends the sending side: the peer reads the end after what was sent.
    pub fn close_write(&self) {
        let _ = self.socket(|socket| socket.shutdown(std::net::Shutdown::Write));
    }

    /// Ends both sides; operations under way complete.
    pub fn close(&self) {
        let _ = self.socket(|socket| socket.shutdown(std::net::Shutdown::Both));
    }

    /// Makes the close a reset, so that the peer can't take what it has for a whole message.
    pub fn reset_on_close(&self) {
        let _ = self.socket(|socket| socket.set_linger(Some(Duration::ZERO)));
    }

    /// Resolves when bytes can be written.
    pub(super) fn writable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.tcp().writable(false)
    }

    /// Makes direct system calls return at once instead of waiting. The ring wants it off.
    pub(super) fn nonblocking(&self, on: bool) {
        let flags = if on { libc::O_NONBLOCK } else { 0 };
        // SAFETY: plain fcntl on our open socket, whose only status flag this is.
        unsafe { libc::fcntl(self.raw(), libc::F_SETFL, flags) };
    }

    pub(super) fn raw(&self) -> RawFd {
        self.tcp().as_raw_fd()
    }
}

impl Arrived {
    /// Takes over a descriptor that accept(2) just gave us.
    pub(super) fn from_accept(fd: RawFd, peer: SocketAddr) -> Arrived {
        // SAFETY: the caller owns `fd`, fresh from accept, and gives it up here.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // The ring's accept does not set it; failing leaves an inheritable descriptor, no more.
        // SAFETY: plain fcntl on a descriptor we own.
        unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        Arrived { socket, peer }
    }
}
