//! The only reader of the wall clock. Everything that decides takes `now` as an argument.

use spark_ipc::Time;

/// The time now.
pub fn now() -> Time {
    Time(jiff::Timestamp::now())
}
