//! What the terminal client knows and shows. Plain data: [`crate::update`] changes it, [`crate::view`]
//! draws it.

pub mod act;
pub mod dialog;
pub mod link;
pub mod list;
pub mod messages;
pub mod operation;
pub mod page;
pub mod prompt;
pub mod services;
pub mod world;

use std::time::Instant;

use spark_ipc::Time;
use spark_ipc::model::inventory::Model;
use spark_ipc::model::node::Node;

use crate::keymap::Mode;
use dialog::Dialog;
use link::{Link, Phase};
use list::Cursor;
use messages::Messages;
use operation::Followed;
use page::Page;
use prompt::Prompt;
use world::World;

/// A part of the screen that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    Nodes,
    Models,
    Operation,
    Alerts,
    Services,
}

impl Pane {
    /// In the order of their number keys and of Tab.
    pub const ALL: [Self; 5] = [
        Self::Nodes,
        Self::Models,
        Self::Operation,
        Self::Alerts,
        Self::Services,
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Nodes => "Nodes",
            Self::Models => "Models",
            Self::Operation => "Operation",
            Self::Alerts => "Alerts",
            Self::Services => "Services",
        }
    }

    /// The pane `by` places on, around the end.
    #[must_use]
    pub fn next(self, by: usize) -> Self {
        Self::ALL[(self.index() + by) % Self::ALL.len()]
    }
}

/// What lies over the panes.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// The keys; scrolled by so many lines.
    Help(usize),
    /// What was said so far; scrolled by so many lines.
    Messages(usize),
    Dialog(Box<Dialog>),
    /// One subject in full.
    Page(Box<Page>),
    /// A line that is typed.
    Prompt(Prompt),
}

/// Everything.
#[derive(Debug, Clone)]
pub struct State {
    /// The moment of the last message: the only clock there is here.
    pub now: Instant,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    pub link: Link,
    /// The last data; it stays when the connection is lost.
    pub world: Option<World>,
    pub focus: Pane,
    /// Whether the focused pane has the whole body.
    pub zoom: bool,
    pub overlay: Option<Overlay>,
    pub nodes: Cursor,
    pub models: Cursor,
    pub alerts: Cursor,
    pub services: Cursor,
    /// Words that a model must have to be listed.
    pub filter: String,
    /// Whether keys go to the filter.
    pub filtering: bool,
    pub operation: Followed,
    pub messages: Messages,
    /// Whether the loop shall end.
    pub quit: bool,
}

impl State {
    /// Before anything is known of the daemon at `endpoint`.
    pub fn new(endpoint: impl Into<String>, size: (u16, u16), now: Instant) -> Self {
        Self {
            now,
            size,
            link: Link::new(endpoint.into(), now),
            world: None,
            focus: Pane::Models,
            zoom: false,
            overlay: None,
            nodes: Cursor::default(),
            models: Cursor::default(),
            alerts: Cursor::default(),
            services: Cursor::default(),
            filter: String::new(),
            filtering: false,
            operation: Followed::default(),
            messages: Messages::default(),
            quit: false,
        }
    }

    /// Which keys apply.
    pub fn mode(&self) -> Mode {
        match &self.overlay {
            Some(Overlay::Help(_)) => Mode::Help,
            Some(Overlay::Messages(_)) => Mode::Messages,
            Some(Overlay::Dialog(_)) => Mode::Dialog,
            Some(Overlay::Page(_)) => Mode::Page,
            Some(Overlay::Prompt(_)) => Mode::Prompt,
            None if self.filtering => Mode::Filter,
            None => Mode::Browse,
        }
    }

    /// The daemon's clock now: its last word plus the time since.
    pub fn daemon_now(&self) -> Option<Time> {
        self.world.as_ref().map(|w| w.now(self.now))
    }

    /// Why nothing can be asked of the daemon now.
    pub fn refusal(&self) -> Option<&'static str> {
        match self.link.phase {
            Phase::Live => None,
            Phase::Connecting => Some("not connected yet"),
            Phase::Reconnecting { .. } => Some("the connection is lost; it is being made again"),
            Phase::Mismatch { .. } => Some("the daemon speaks another protocol"),
        }
    }

    /// Whether what is shown is no longer being kept up to date.
    pub fn is_dim(&self) -> bool {
        self.link.phase != Phase::Live
    }

    /// The models that pass the filter.
    pub fn shown_models(&self) -> Vec<&Model> {
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let passes = |m: &&Model| {
            let recipe = m.recipe.as_ref().map_or("", |r| r.as_str());
            let quantization = m.quantization.as_deref().unwrap_or("");
            let state = crate::words::model(m.state).text;
            let text = format!("{} {recipe} {quantization} {state}", m.repo).to_lowercase();
            words.iter().all(|w| text.contains(w))
        };
        let all = self.world.iter().flat_map(|w| &w.snapshot.models.models);
        all.filter(passes).collect()
    }

    /// The model under the cursor.
    pub fn selected_model(&self) -> Option<&Model> {
        let models = self.shown_models();
        let keys: Vec<&str> = models.iter().map(|m| m.repo.as_str()).collect();
        models.get(self.models.place(&keys)).copied()
    }

    /// The node under the cursor.
    pub fn selected_node(&self) -> Option<&Node> {
        let nodes = &self.world.as_ref()?.snapshot.status.nodes;
        let keys: Vec<&str> = nodes.iter().map(|n| n.id.as_str()).collect();
        nodes.get(self.nodes.place(&keys))
    }
}
