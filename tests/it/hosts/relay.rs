//! A link that takes its time: the kernel of the tests need not know how to delay packets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::{Duration, Instant};

/// A relay to a port of this machine, whose every byte is late, each way. It ends with the process of the test.
pub(super) struct Relay {
    pub(super) port: u16,
}

impl Relay {
    pub(super) fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                carry(near.try_clone().unwrap(), far.try_clone().unwrap(), delay);
                carry(far, near, delay);
            }
        });
        Self { port: own }
    }
}

/// Carries what comes from one to the other, in its order, as long after it came.
#[expect(clippy::disallowed_methods, reason = "the delay is what the relay is for")]
fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = channel();
    spawn(move || {
        let mut part = vec![0; 32 << 10];
        while let Ok(count) = from.read(&mut part) {
            if count == 0 || sender.send((Instant::now() + delay, part[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    spawn(move || {
        for (due, part) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&part).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
