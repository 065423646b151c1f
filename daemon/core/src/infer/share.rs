//! Shares of a node's memory, as people write them.

/// `part` of `whole` in hundredths, rounded up.
#[expect(
    clippy::cast_precision_loss,
    reason = "hundredths of a number of bytes need no more"
)]
pub(super) fn up_to_hundredth(part: u64, whole: u64) -> f64 {
    let hundredths = part.saturating_mul(100).div_ceil(whole.max(1));
    hundredths.min(1000) as f64 / 100.0
}
