//! The terminal: taken for the view, and given back as it was, whatever happens.

use std::io::{self, Stdout};
use std::sync::{Mutex, Once, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

/// How the terminal was before it was taken; nothing while it is not.
static TAKEN: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that is drawn on.
#[derive(Debug)]
pub(super) struct Console {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Console {
    /// Takes the terminal, if it is ours now.
    ///
    /// # Errors
    ///
    /// When it is none, or does not let us.
    pub(super) fn open() -> io::Result<Self> {
        restore_on_panic();
        let console = Self { terminal: Terminal::new(CrosstermBackend::new(io::stdout()))? };
        if is_foreground() {
            take()?;
        }
        Ok(console)
    }

    /// Whether the screen is ours now.
    pub(super) fn is_taken() -> bool {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes the terminal again if the shell has put us into the foreground.
    ///
    /// # Errors
    ///
    /// When it does not let us.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        if !Self::is_taken() && is_foreground() {
            take()?;
            // The screen is empty again. Clearing it by hand would ask the terminal where its cursor
            // stands, and the answer comes among the keys.
            self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        }
        Ok(())
    }

    /// Gives the terminal back, until it is taken again.
    pub(super) fn release() {
        restore();
    }

    /// Gives the terminal back and stops this process, as Ctrl-Z asks. Another thread may take the
    /// signal: what runs here may go on for a moment, until the process is told to go on again.
    ///
    /// # Errors
    ///
    /// When the system does not stop us.
    pub(super) fn stop() -> io::Result<()> {
        restore();
        Ok(kill_process(getpid(), Signal::STOP)?)
    }

    /// Draws a picture; `draw` returns where the cursor stands, if something is typed.
    ///
    /// # Errors
    ///
    /// When the terminal has gone away.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer) -> Option<Position>) -> io::Result<()> {
        self.terminal.draw(|frame| {
            if let Some(position) = draw(frame.buffer_mut()) {
                frame.set_cursor_position(position);
            }
        })?;
        Ok(())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether the terminal listens to us: a shell may have put us into the background.
fn is_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Takes the terminal: no echo, no lines, and Ctrl-C and Ctrl-Z stay signals, so that they work
/// even if the view does not.
fn take() -> io::Result<()> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let was = tcgetattr(io::stdin())?;
    let mut modes = was.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
    modes.local_modes |= LocalModes::ISIG;
    // Ctrl-S would hold the run's end up until somebody finds Ctrl-Q.
    modes.input_modes -= InputModes::IXON | InputModes::ICRNL;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    // Ctrl-\ would end us with the terminal taken.
    modes.special_codes[SpecialCodeIndex::VQUIT] = 0;
    tcsetattr(io::stdin(), OptionalActions::Drain, &modes)?;
    *taken = Some(was);
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Gives the terminal back as it was.
fn restore() {
    give_back(&mut TAKEN.lock().unwrap_or_else(PoisonError::into_inner));
}

/// What was typed and not read is not meant for the shell.
fn give_back(taken: &mut Option<Termios>) {
    if let Some(was) = taken.take() {
        // Nobody is left to tell when the terminal is gone.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &was);
    }
}

/// A panic is told on the normal screen, which nobody takes away before it is told.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            give_back(&mut taken);
            before(panic);
        }));
    });
}
