//! Service containers of a simulated node: started with `docker run`, asked over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod engines;
mod faults;
mod nims;
mod spark;
mod speech;
mod texts;
