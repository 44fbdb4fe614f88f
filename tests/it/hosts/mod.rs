//! Steps on other hosts, with the real `sshd`.

mod loopback;
mod sshd;
