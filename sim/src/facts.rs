//! The one model of a GB10's temperatures, power and clocks.
//!
//! Everything that shows such a figure (`nvidia-smi`, `/sys/class/thermal`, `/sys/class/hwmon`)
//! takes it from here, so that two readings of one moment agree. The figures are those that owners
//! published: 3-5 W and 208 MHz when idle, about 11 W with a model loaded and waiting, 2.3-2.5 GHz
//! and up to 92 W under load, 799 MHz and 19.5 W under load for a box stuck in its low-power state.

use jiff::Timestamp;

use crate::node::{Node, NodeError};

/// What the GPU is doing, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Some process holds GPU memory.
    pub loaded: bool,
    /// The GPU works.
    pub busy: bool,
    /// Stuck in the low-power state.
    pub low_power: bool,
    /// Overheated to this many °C.
    pub overheated_c: Option<u32>,
    /// Picks the small differences between moments and between boxes.
    pub noise: u64,
}

/// The GPU's state at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gpu {
    /// `utilization.gpu` in percent.
    pub utilization_percent: u32,
    /// `temperature.gpu` in °C.
    pub temperature_c: u32,
    /// `power.draw` in W.
    pub power_w: f64,
    /// `clocks.sm` in MHz.
    pub sm_clock_mhz: u32,
    /// `pstate`: 0 is full performance, 8 idle.
    pub pstate: u32,
    /// `clocks_throttle_reasons.hw_thermal_slowdown` (and `hw_slowdown`).
    pub hw_thermal_slowdown: bool,
    /// `clocks_throttle_reasons.sw_thermal_slowdown`.
    pub sw_thermal_slowdown: bool,
}

/// Highest SM clock in MHz (`clocks.max.sm`).
pub const MAX_SM_CLOCK_MHZ: u32 = 3003;

/// From this temperature on the hardware slows the GPU down.
const HW_SLOWDOWN_C: u32 = 90;

/// From this temperature on the driver does.
const SW_SLOWDOWN_C: u32 = 85;

impl Gpu {
    /// The state under these conditions.
    pub fn of(conditions: Conditions) -> Self {
        let noise = |below: u32| spread(conditions.noise, below);
        let calm = match (conditions.busy, conditions.low_power, conditions.loaded) {
            (true, true, _) => Self::at(96, 46 + noise(3), 19.2 + tenths(noise(7)), 799),
            (true, false, _) => {
                let power_w = 76.0 + tenths(noise(165));
                Self::at(94 + noise(4), 62 + noise(5), power_w, 2281 + noise(242))
            }
            (false, _, true) => Self::at(0, 43 + noise(3), 10.8 + tenths(noise(9)), 2411),
            (false, _, false) => {
                let idle = Self::at(0, 36 + noise(4), 3.2 + tenths(noise(14)), 208);
                Self { pstate: 8, ..idle }
            }
        };
        match conditions.overheated_c {
            Some(celsius) => calm.overheated(celsius),
            None => calm,
        }
    }

    fn at(utilization_percent: u32, temperature_c: u32, power_w: f64, sm_clock_mhz: u32) -> Self {
        Self {
            utilization_percent,
            temperature_c,
            power_w,
            sm_clock_mhz,
            pstate: 0,
            hw_thermal_slowdown: false,
            sw_thermal_slowdown: false,
        }
    }

    fn overheated(self, celsius: u32) -> Self {
        let slow = celsius >= SW_SLOWDOWN_C;
        Self {
            temperature_c: celsius,
            sm_clock_mhz: if slow {
                self.sm_clock_mhz.min(1365)
            } else {
                self.sm_clock_mhz
            },
            hw_thermal_slowdown: celsius >= HW_SLOWDOWN_C,
            sw_thermal_slowdown: slow,
            ..self
        }
    }

    /// Seven zones around the GPU in thousandths of a degree Celsius.
    pub fn zones_mc(&self) -> [u32; 7] {
        let base = self.temperature_c * 1000;
        [2300, 1800, 2900, 700, 1200, 2600, 0].map(|above| base + above)
    }

    /// The drive, in thousandths of a degree Celsius.
    pub fn nvme_mc(&self) -> u32 {
        34_850 + self.temperature_c * 150
    }

    /// The network chip's sensor in thousandths of a °C.
    pub fn nic_mc(&self) -> u32 {
        44_000 + self.temperature_c / 6 * 1000
    }
}

impl Node {
    /// What the GPU is doing right now.
    pub fn conditions(&self) -> Result<Conditions, NodeError> {
        let faults = self.faults();
        let now = Timestamp::now();
        let claims = self.claims()?;
        let second = u64::try_from(now.as_second()).unwrap_or(0);
        Ok(Conditions {
            loaded: !claims.is_empty(),
            busy: faults.gpu_load() || claims.iter().any(|claim| claim.is_busy(now)),
            low_power: faults.low_power(),
            overheated_c: faults.thermal_c(),
            noise: second.wrapping_add(self.config().seed.wrapping_mul(7919)),
        })
    }

    /// The GPU's figures right now.
    pub fn gpu(&self) -> Result<Gpu, NodeError> {
        Ok(Gpu::of(self.conditions()?))
    }
}

/// A number below `below` that depends on nothing but `noise`.
fn spread(noise: u64, below: u32) -> u32 {
    let mixed = (noise ^ (noise >> 7)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    u32::try_from(mixed % u64::from(below.max(1))).unwrap_or(0)
}

fn tenths(count: u32) -> f64 {
    f64::from(count) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state at every noise of a minute.
    fn minute(conditions: Conditions) -> impl Iterator<Item = Gpu> {
        (0..60).map(move |noise| {
            Gpu::of(Conditions {
                noise,
                ..conditions
            })
        })
    }

    #[test]
    fn idle_is_p8_at_208_mhz_and_a_few_watts() {
        for gpu in minute(Conditions::default()) {
            assert_eq!(
                (gpu.pstate, gpu.sm_clock_mhz, gpu.utilization_percent),
                (8, 208, 0)
            );
            assert!((3.0..=5.0).contains(&gpu.power_w), "{gpu:?}");
        }
    }

    #[test]
    fn load_runs_fast_and_draws_what_owners_measured() {
        let busy = Conditions {
            loaded: true,
            busy: true,
            ..Conditions::default()
        };
        for gpu in minute(busy) {
            assert!((2281..=2522).contains(&gpu.sm_clock_mhz), "{gpu:?}");
            assert!((40.0..=92.5).contains(&gpu.power_w), "{gpu:?}");
            assert!(gpu.utilization_percent >= 90, "{gpu:?}");
        }
    }

    #[test]
    fn the_low_power_state_shows_under_load_only() {
        let stuck = Conditions {
            low_power: true,
            loaded: true,
            ..Conditions::default()
        };
        let busy = Gpu::of(Conditions {
            busy: true,
            ..stuck
        });
        assert_eq!((busy.sm_clock_mhz, busy.pstate), (799, 0));
        assert!(busy.power_w < 32.0 && busy.utilization_percent >= 90);
        assert!(!busy.hw_thermal_slowdown);
        assert_eq!(Gpu::of(stuck).utilization_percent, 0);
    }

    #[test]
    fn heat_slows_the_clock_from_85_and_sets_the_hardware_flag_from_90() {
        let hot = |celsius| {
            let overheated_c = Some(celsius);
            Gpu::of(Conditions {
                loaded: true,
                busy: true,
                overheated_c,
                ..Conditions::default()
            })
        };
        assert!(!hot(84).sw_thermal_slowdown && hot(84).sm_clock_mhz > 2000);
        assert!(hot(85).sw_thermal_slowdown && !hot(85).hw_thermal_slowdown);
        assert!(hot(92).hw_thermal_slowdown && hot(92).sm_clock_mhz <= 1365);
    }
}
