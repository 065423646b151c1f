//! For benchmarks: how long a key takes to the screen, without a terminal.
//!
//! What is measured is what runs: the same queue, `update`, `view` and loop, with ratatui's test backend
//! in place of a terminal, and a real client whose daemon may hang.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use spark_ipc::client::Client;
use spark_ipc::model::event::Event;
use spark_ipc::model::status::Snapshot;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, QUEUE, Turn};
use crate::connection;
use crate::effect::Runner;
use crate::msg::Msg;
use crate::state::State;
use crate::view::Theme;

/// A running client without a terminal.
#[derive(Debug)]
pub struct Bench {
    app: App<TestBackend>,
    to: Sender<Msg>,
    stop: CancellationToken,
}

impl Bench {
    /// One of `columns` by `rows` that shows `snapshot`, while its connection task talks to `client`.
    /// Must be made inside a tokio runtime.
    pub async fn new(client: Client, snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        let (to, messages) = mpsc::channel(QUEUE);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let state = State::new(
            client.endpoint().to_string(),
            (columns, rows),
            Instant::now(),
        );
        let runner = Runner::new(client.clone(), to.clone(), tasks.clone(), stop.clone());
        let Ok(terminal) = Terminal::new(TestBackend::new(columns, rows));
        let app = App::new(state, terminal, Theme::new(true, false), messages, runner);
        let (ended, keep) = (stop.clone(), connection::keep(client, to.clone()));
        tasks.spawn(async move { ended.run_until_cancelled(keep).await });
        let mut bench = Self { app, to, stop };
        bench
            .repaint(Msg::Event(Box::new(Event::Snapshot(Box::new(snapshot)))))
            .await;
        bench
    }

    /// The time from pressing `key` to the end of the frame that shows what it did.
    pub async fn press(&mut self, key: char) -> Duration {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        self.repaint(Msg::Key(key)).await
    }

    async fn repaint(&mut self, msg: Msg) -> Duration {
        let begun = Instant::now();
        if self.to.send(msg).await.is_ok() {
            loop {
                let Ok(turn) = self.app.turn().await;
                if turn != Turn::Waiting {
                    break;
                }
            }
        }
        begun.elapsed()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
