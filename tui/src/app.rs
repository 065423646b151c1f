//! The loop of the terminal client: the one place where messages, state, drawing and effects meet.

use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, EventStream, KeyEventKind};
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::{Position, Rect};
use spark_ipc::client::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::failure::Failure;
use crate::connection;
use crate::effect::{Effect, Runner};
use crate::exit::Exit;
use crate::msg::Msg;
use crate::state::State;
use crate::term::Term;
use crate::update::update;
use crate::view::{Theme, view};

/// Messages that may wait. A full queue holds the network back, never the keyboard for long: a turn
/// takes them all.
pub const QUEUE: usize = 256;
/// Shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(100);
/// Longest time without a frame: ages go on.
const IDLE: Duration = Duration::from_secs(1);

/// What a turn of the loop came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Drawn,
    /// Something changed; it will be drawn with what comes in the next moment.
    Waiting,
    Suspend,
    Quit,
}

/// The loop's parts: queue, state, screen, effects.
#[derive(Debug)]
pub struct App<B: Backend> {
    pub state: State,
    terminal: Terminal<B>,
    theme: Theme,
    messages: Receiver<Msg>,
    runner: Runner,
    drawn_at: Instant,
    dirty: bool,
}

impl<B: Backend> App<B> {
    pub fn new(
        state: State,
        terminal: Terminal<B>,
        theme: Theme,
        messages: Receiver<Msg>,
        runner: Runner,
    ) -> Self {
        let drawn_at = state.now;
        Self {
            state,
            terminal,
            theme,
            messages,
            runner,
            drawn_at,
            dirty: true,
        }
    }

    /// Waits for something to happen, takes in all that waits, and draws: at once after a key, else at
    /// most ten times a second.
    pub async fn turn(&mut self) -> Result<Turn, B::Error> {
        let due = self.drawn_at + if self.dirty { FRAME } else { IDLE };
        let first = tokio::select! {
            biased;
            msg = self.messages.recv() => msg,
            () = tokio::time::sleep_until(due.into()) => Some(Msg::Tick),
        };
        let Some(first) = first else {
            return Ok(Turn::Quit);
        };
        let mut urgent = self.take(first, Instant::now());
        for _ in 0..QUEUE {
            let Ok(msg) = self.messages.try_recv() else {
                break;
            };
            urgent = urgent.max(self.take(msg, Instant::now()));
        }
        if self.state.quit {
            return Ok(Turn::Quit);
        }
        if urgent == Urgency::Suspend {
            return Ok(Turn::Suspend);
        }
        if urgent == Urgency::Now || self.drawn_at.elapsed() >= FRAME {
            self.draw()?;
            return Ok(Turn::Drawn);
        }
        self.dirty = true;
        Ok(Turn::Waiting)
    }

    fn take(&mut self, msg: Msg, now: Instant) -> Urgency {
        let by_hand = matches!(msg, Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..));
        let mut urgency = if by_hand { Urgency::Now } else { Urgency::Soon };
        for effect in update(&mut self.state, now, msg) {
            if effect == Effect::Suspend {
                urgency = Urgency::Suspend;
            } else {
                self.runner.run(effect);
            }
        }
        urgency
    }

    /// Draws a frame.
    pub fn draw(&mut self) -> Result<(), B::Error> {
        let (state, theme) = (&self.state, self.theme);
        self.terminal.draw(|frame| view(state, theme, frame))?;
        self.drawn_at = Instant::now();
        self.dirty = false;
        Ok(())
    }

    /// Forgets what the screen shows, so that the next frame draws everything.
    fn forget(&mut self) -> Result<(), B::Error> {
        // `Terminal::clear` would ask the terminal for its cursor, and our reader would eat the answer.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))?;
        self.draw()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Soon,
    Now,
    Suspend,
}

/// Runs the terminal client until the operator leaves.
pub async fn run(client: Client, theme: Theme) -> Result<Exit, Failure> {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let (to, messages) = mpsc::channel(QUEUE);
    let term = Term::enter(stop.clone())?;
    let surface = term.surface()?;
    let size = surface.size()?;
    let state = State::new(
        client.endpoint().to_string(),
        (size.width, size.height),
        Instant::now(),
    );
    let runner = Runner::new(client.clone(), to.clone(), tasks.clone(), stop.clone());
    let mut app = App::new(state, surface, theme, messages, runner);

    let background = stop.clone();
    let keep = connection::keep(client, to.clone());
    tasks.spawn(async move { background.run_until_cancelled(keep).await });
    let background = stop.clone();
    tasks.spawn(async move {
        let _ended = background.run_until_cancelled(read_input(to)).await;
        // Without a keyboard there is no way left to leave.
        background.cancel();
    });

    let ended = turns(&mut app, &term, &stop).await;
    stop.cancel();
    tasks.close();
    // A call that hangs is left behind: the process ends anyway.
    let _in_time = tokio::time::timeout(Duration::from_millis(200), tasks.wait()).await;
    drop(term);
    ended
}

async fn turns(
    app: &mut App<crate::term::Screen>,
    term: &Term,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    app.draw()?;
    loop {
        let turn = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Exit::Failed),
            _ = terminate.recv() => return Ok(Exit::Interrupted),
            _ = hang_up.recv() => return Ok(Exit::Interrupted),
            _ = interrupt.recv() => return Ok(Exit::Interrupted),
            turn = app.turn() => turn?,
        };
        match turn {
            Turn::Drawn | Turn::Waiting => {}
            Turn::Quit => return Ok(Exit::Done),
            Turn::Suspend => {
                term.suspend().await?;
                app.forget()?;
            }
        }
    }
}

/// Reads the keyboard until it is gone.
async fn read_input(to: Sender<Msg>) {
    let mut input = EventStream::new();
    while let Some(Ok(event)) = input.next().await {
        let msg = match event {
            Input::Key(key) if key.kind != KeyEventKind::Release => Msg::Key(key),
            Input::Paste(text) => Msg::Paste(text),
            Input::Resize(columns, rows) => Msg::Resize(columns, rows),
            _ => continue,
        };
        if to.send(msg).await.is_err() {
            return;
        }
    }
}
