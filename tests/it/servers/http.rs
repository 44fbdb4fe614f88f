//! A server that answers every request with one status, and remembers what was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server of the smallest kind: one status for all, and it remembers what was asked.
pub(crate) struct Server {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    pub(crate) body: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, body) = (Arc::default(), Arc::default());
        let server = Self { port, asked: Arc::clone(&asked), body: Arc::clone(&body) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), status, &asked, &body);
            }
        });
        server
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, status: u16, asked: &Mutex<Vec<String>>, body: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    let mut length = 0;
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    // A look at the port alone asks for nothing.
    let Some((request, _)) = first.trim().rsplit_once(' ') else { return };
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).unwrap();
    asked.lock().unwrap().push(request.to_owned());
    body.lock().unwrap().push_str(&String::from_utf8(sent).unwrap());
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    let _ = reader.get_mut().write_all(text.as_bytes());
}
