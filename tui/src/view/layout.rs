//! Where the panes go: everything at 80x24, less on less, nothing below 40x12.
//!
//! When room is short, panes go in this order: alerts, then all but the focused one.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::state::Pane;

/// The smallest screen that is drawn on.
pub(super) const LEAST: (u16, u16) = (40, 12);

/// Rows of the header, the body and the footer, and the panes in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) header: Rect,
    pub(super) body: Rect,
    pub(super) footer: Rect,
    pub(super) panes: Vec<(Pane, Rect)>,
}

/// How much there is to show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contents {
    pub(super) nodes: usize,
    pub(super) models: usize,
    pub(super) alerts: usize,
    /// Whether there is an operation: without one its pane is kept small.
    pub(super) operation: bool,
}

/// The areas of `screen`, or `None` when it is too small.
pub(super) fn areas(screen: Rect, focus: Pane, zoom: bool, contents: Contents) -> Option<Areas> {
    if screen.width < LEAST.0 || screen.height < LEAST.1 {
        return None;
    }
    let header_rows = if screen.height >= 16 { 2 } else { 1 };
    let rows = [
        Constraint::Length(header_rows),
        Constraint::Min(0),
        Constraint::Length(1),
    ];
    let [header, body, footer] = Layout::vertical(rows).areas(screen);
    let nodes = u16::try_from(contents.nodes.clamp(1, 8)).unwrap_or(1);
    let panes = if zoom || screen.width < 60 || screen.height < 20 {
        vec![(focus, body)]
    } else if screen.width >= 100 && screen.height >= 28 {
        side_by_side(body, focus, nodes, contents)
    } else {
        stacked(body, focus, nodes)
    };
    Some(Areas {
        header,
        body,
        footer,
        panes,
    })
}

/// Nodes and models beside each other, the operation below, the alerts at the bottom.
fn side_by_side(body: Rect, focus: Pane, nodes: u16, contents: Contents) -> Vec<(Pane, Rect)> {
    let alerts = u16::try_from(contents.alerts.min(4)).unwrap_or(0);
    let models = u16::try_from(contents.models.min(100)).unwrap_or(100);
    let alert_rows = match (alerts, focus) {
        (0, Pane::Alerts) => 3,
        (0, _) => 0,
        (some, _) => some + 2,
    };
    let wanted = (nodes * 6 + 2).max(models + 2).max(12);
    let twentieths = if contents.operation { 11 } else { 15 };
    let top_rows = wanted.min((body.height - alert_rows) * twentieths / 20);
    let rows = [
        Constraint::Length(top_rows),
        Constraint::Min(0),
        Constraint::Length(alert_rows),
    ];
    let [top, middle, bottom] = Layout::vertical(rows).areas(body);
    let columns = [Constraint::Percentage(42), Constraint::Min(0)];
    let [left, right] = Layout::horizontal(columns).areas(top);
    let mut panes = vec![
        (Pane::Nodes, left),
        (Pane::Models, right),
        (lower(focus), middle),
    ];
    if alert_rows > 0 {
        panes.push((Pane::Alerts, bottom));
    }
    panes
}

/// The services take the operation's place while they have the focus.
fn lower(focus: Pane) -> Pane {
    match focus {
        Pane::Services => Pane::Services,
        _ => Pane::Operation,
    }
}

/// One above the other; the alerts take the operation's place while they have the focus, the services also
/// that of the models: they are many.
fn stacked(body: Rect, focus: Pane, nodes: u16) -> Vec<(Pane, Rect)> {
    let least = 5;
    let per_node = if body.height >= 30 { 4 } else { 2 };
    let node_rows = (nodes * per_node + 2).min(body.height.saturating_sub(2 * least));
    if focus == Pane::Services {
        let rows = [Constraint::Length(node_rows), Constraint::Min(0)];
        let [top, rest] = Layout::vertical(rows).areas(body);
        return vec![(Pane::Nodes, top), (Pane::Services, rest)];
    }
    let rest = body.height - node_rows;
    let model_rows = match focus {
        Pane::Operation => least.max(rest * 2 / 5),
        _ => rest * 11 / 20,
    };
    let rows = [
        Constraint::Length(node_rows),
        Constraint::Length(model_rows),
        Constraint::Min(0),
    ];
    let [top, middle, bottom] = Layout::vertical(rows).areas(body);
    let last = if focus == Pane::Alerts {
        Pane::Alerts
    } else {
        Pane::Operation
    };
    vec![(Pane::Nodes, top), (Pane::Models, middle), (last, bottom)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(alerts: usize) -> Contents {
        Contents {
            nodes: 2,
            models: 13,
            alerts,
            operation: true,
        }
    }

    #[test]
    fn panes_go_in_the_agreed_order() {
        let shown = |w, h, focus| {
            let areas = areas(Rect::new(0, 0, w, h), focus, false, contents(1))?;
            Some(areas.panes.iter().map(|p| p.0).collect::<Vec<_>>())
        };
        let (n, m, o, a) = (Pane::Nodes, Pane::Models, Pane::Operation, Pane::Alerts);
        assert_eq!(shown(120, 40, m), Some(vec![n, m, o, a]));
        assert_eq!(shown(80, 24, m), Some(vec![n, m, o]));
        assert_eq!(shown(80, 24, a), Some(vec![n, m, a]));
        let services = Pane::Services;
        assert_eq!(shown(120, 40, services), Some(vec![n, m, services, a]));
        assert_eq!(shown(80, 24, services), Some(vec![n, services]));
        assert_eq!(shown(40, 12, o), Some(vec![o]));
        assert_eq!(shown(39, 12, o), None);
        assert_eq!(shown(200, 11, o), None);
    }

    #[test]
    fn panes_fill_the_body_without_overlap() {
        for (w, h) in [
            (40, 12),
            (60, 20),
            (80, 24),
            (100, 28),
            (120, 40),
            (200, 60),
        ] {
            for focus in Pane::ALL {
                let areas = areas(Rect::new(0, 0, w, h), focus, false, contents(3)).unwrap();
                let covered: u32 = areas.panes.iter().map(|(_, r)| r.area()).sum();
                assert_eq!(covered, areas.body.area(), "{w}x{h} {focus:?}");
                assert!(areas.panes.iter().any(|(p, _)| *p == focus));
            }
        }
    }
}
