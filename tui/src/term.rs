//! The terminal: taken over as a whole, and always given back.
//!
//! It is given back when [`Term`] is dropped, when anything panics (before the panic's text is printed,
//! so that it can be read), and around a stop by Ctrl-Z.

use std::io::{self, BufWriter, Stdout, Write};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio_util::sync::CancellationToken;

/// Output is sent in one piece a frame.
const FRAME_BYTES: usize = 64 * 1024;

/// The backend of a real terminal.
pub type Screen = CrosstermBackend<BufWriter<Stdout>>;

/// The guard: while it lives, the terminal is ours.
#[derive(Debug)]
pub struct Term(());

impl Term {
    /// Takes the terminal over. A panic anywhere gives it back and cancels `stop`.
    pub fn enter(stop: CancellationToken) -> io::Result<Self> {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            stop.cancel();
            previous(info);
        }));
        let guard = Self(());
        take()?;
        Ok(guard)
    }

    /// A drawing surface on it.
    pub fn surface(&self) -> io::Result<Terminal<Screen>> {
        let output = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        Terminal::new(CrosstermBackend::new(output))
    }

    /// Stops this process until the shell continues it.
    pub async fn suspend(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut continued = signal(SignalKind::from_raw(libc_sigcont()))?;
        restore();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        // Where nobody could continue us (no job control), the stop does not take place.
        let grace = std::time::Duration::from_millis(300);
        let _continued = tokio::time::timeout(grace, continued.recv()).await;
        take()
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        restore();
    }
}

fn libc_sigcont() -> i32 {
    rustix::process::Signal::CONT.as_raw()
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        Hide
    )
}

/// Gives the terminal back; what cannot be done is left, there is nobody to tell.
fn restore() {
    let mut stdout = io::stdout();
    let _left = execute!(stdout, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _flushed = stdout.flush();
    let _cooked = disable_raw_mode();
}
