//! Who is speaking: the handshake of `GET /api/version`.

use serde::{Deserialize, Serialize};

use crate::Time;

/// The number of the API's protocol. Additive changes keep it; anything else raises it.
pub const PROTOCOL: u32 = 1;

/// Answer of `GET /api/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VersionInfo {
    /// [`PROTOCOL`] of the daemon. A client with another number shows a mismatch screen.
    pub protocol: u32,
    /// Version of the daemon's package, e.g. `0.1.0`.
    pub version: String,
    /// Random id of this run of the daemon; it changes when the daemon is restarted.
    pub instance: String,
    /// When this run began.
    pub started_at: Time,
    /// Whether the nodes are simulated.
    pub demo: bool,
    /// Where the TCP door listens, `ADDRESS:PORT`; an address of zeros is every one of the machine.
    #[serde(default)]
    pub listens: Option<String>,
}
