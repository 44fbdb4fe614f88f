//! Who reads what we print: colours, width, and the one way to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::ColorChoice;
use crate::error::Error;
use crate::value::plain;

/// Standard output and standard error, and what they can show.
#[derive(Debug)]
pub struct Terminal {
    /// Whether standard output shows colours.
    pub color: bool,
    /// Whether standard error shows colours.
    pub error_color: bool,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
    /// Columns of standard output; 100 where nobody can say.
    pub width: usize,
    /// Whether a person reads standard output and can type.
    pub interactive: bool,
    /// Whether a view of the whole screen can be shown: a person sits there, and it is no machine's log.
    pub is_screen: bool,
}

const DEFAULT_WIDTH: usize = 100;

impl Terminal {
    /// Looks at standard output and at the environment.
    pub fn new(color: ColorChoice) -> Self {
        let wants = |is_terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let no_color = env("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = env("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !no_color && !dumb
            }
        };
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
        let knows_cursor = env("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let is_ci = env("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let width = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        Self {
            color: wants(io::stdout().is_terminal()),
            error_color: wants(io::stderr().is_terminal()),
            unicode,
            width: if width == 0 { DEFAULT_WIDTH } else { width },
            interactive,
            is_screen: interactive && knows_cursor && !is_ci,
        }
    }

    /// Prints to standard output. A reader that has gone away is no failure.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::unable(format!("cannot print: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something beside the output.
    pub fn say(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells of an error and of what to do.
    pub fn error(&self, error: &Error) {
        let style = |style: Style| if self.error_color { style } else { Style::new() };
        let red = style(AnsiColor::Red.on_default().bold());
        let cyan = style(AnsiColor::Cyan.on_default());
        let message: Vec<String> = error.message.lines().map(plain).collect();
        self.say(&format!("{red}error:{red:#} {}", message.join("\n")));
        if let Some(hint) = &error.hint {
            self.say(&format!("{cyan} help:{cyan:#} {hint}"));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what the terminal can show is told by the environment")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
