"""The API of MetaChat as the sandbox has it: small, and with the same needs as the real one.

GET /health, GET /count, POST /messages with a JSON body {"author": 1, "body": "..."}.
Settings come from `.env` beside it: NAME=value lines, with PGPASSWORD among them.
"""

import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys

for line in (pathlib.Path(__file__).parent / ".env").read_text().splitlines():
    name, _, value = line.partition("=")
    if name:
        os.environ[name] = value


def ask(question: str) -> str:
    """Asks the database."""
    psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", os.environ["DB_NAME"], "-f", "-"]
    answer = subprocess.run(psql, input=question, capture_output=True, text=True, timeout=10, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr.strip())
    return answer.stdout.strip()


def redis(*words: str) -> str:
    """Asks Redis."""
    with socket.create_connection(("127.0.0.1", int(os.environ["REDIS_PORT"])), timeout=5) as connection:
        parts = [f"*{len(words)}\r\n"] + [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        connection.sendall("".join(parts).encode())
        return connection.recv(4096).decode().strip()


class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        try:
            if self.path == "/health":
                healthy = ask("select 1") == "1" and redis("PING") == "+PONG"
                self.reply(200 if healthy else 503, {"healthy": healthy})
            elif self.path == "/count":
                self.reply(200, {"messages": int(ask("select count(*) from messages"))})
            else:
                self.reply(404, {})
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            self.reply(503, {"healthy": False, "why": str(error)})

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        author, body = int(message["author"]), message["body"].replace("'", "''")
        ask(f"insert into messages (author, body) values ({author}, '{body}')")
        redis("INCR", f"unread:{author}")
        self.reply(201, {})

    def log_message(self, *_: object) -> None:
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
