//! Whether the ranks that were asked for can be: GPUs, divisibility, the executor, the interfaces.

use super::{api, core};
use crate::engine::{
    arguments::Arguments,
    failure::Failure,
    host::{EngineHost, EngineImage},
    model::Facts,
    ranks::Flags,
    settings::Ranks,
};

/// Checks what vLLM checks before any engine process exists.
pub(super) fn check(
    ranks: &Ranks,
    facts: &Facts,
    host: &dyn EngineHost,
    image: &EngineImage,
) -> Result<(), Failure> {
    let Ranks { nodes, tensor, .. } = *ranks;
    let (world, gpus) = (ranks.world(), host.gpus());
    let value = |text: String| Err(api(format!("ValueError: {text}")));
    if tensor == 0 || !facts.heads.is_multiple_of(u64::from(tensor)) {
        return value(format!(
            "Total number of attention heads ({}) must be divisible by tensor parallel size ({tensor}).",
            facts.heads
        ));
    }
    if ranks.backend.as_deref() == Some("ray") {
        return check_ray(ranks, gpus, image);
    }
    if nodes > 1
        && ranks
            .backend
            .as_deref()
            .is_some_and(|backend| backend != "mp")
    {
        return value("nnodes > 1 can only be set when distributed executor backend is mp.".into());
    }
    if nodes > 1 && world != nodes * gpus {
        return value(format!(
            "World size ({world}) does not match nnodes ({nodes}) with {gpus} GPU(s) each."
        ));
    }
    if nodes <= 1 && world > gpus {
        return value(format!(
            "Tensor parallel size ({world}) exceeds available GPUs ({gpus}). World size ({world}) is larger than the number of available GPUs ({gpus}) in this node."
        ));
    }
    Ok(())
}

fn check_ray(ranks: &Ranks, gpus: u32, image: &EngineImage) -> Result<(), Failure> {
    if !image.has_ray {
        return Err(api(
            "ModuleNotFoundError: No module named 'ray'\nValueError: Unable to import Ray: No module named 'ray'. Ray is required for multi-node inference, please install Ray with `pip install ray`.",
        ));
    }
    if ranks.world() <= gpus {
        return Ok(());
    }
    let specs = vec!["{'GPU': 1.0}"; ranks.world() as usize].join(", ");
    Err(core(format!(
        "INFO worker.py:2003 -- Started a local Ray instance.\nValueError: Cannot provide a placement group of placement_group_specs=[{specs}] within 1800 seconds. See https://docs.vllm.ai/en/stable/serving/distributed_troubleshooting.html for more information."
    )))
}

/// What NCCL and Gloo say about the interfaces they were told to use.
pub(super) fn check_interfaces(host: &dyn EngineHost) -> Result<(), Failure> {
    let present = host.interfaces();
    if let Some(wanted) = host.env("GLOO_SOCKET_IFNAME").filter(|v| !v.is_empty())
        && !wanted
            .split(',')
            .any(|name| present.iter().any(|there| there == name))
    {
        return Err(core(format!(
            "RuntimeError: Unable to find address for: {wanted}"
        )));
    }
    match host.env("NCCL_SOCKET_IFNAME").filter(|v| !v.is_empty()) {
        Some(wanted) if !nccl_finds(&wanted, &present) => Err(core(format!(
            "NCCL WARN Bootstrap : no socket interface found ({wanted})\ntorch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:94, internal error - please report this issue to the NCCL developers, NCCL version 2.28.9\nncclInternalError: Internal check failed."
        ))),
        _ => Ok(()),
    }
}

/// NCCL's rule: a list of prefixes; `=` in front means whole names, `^` all but these.
fn nccl_finds(wanted: &str, present: &[String]) -> bool {
    let (exclude, rest) = wanted
        .strip_prefix('^')
        .map_or((false, wanted), |rest| (true, rest));
    let (exact, rest) = rest
        .strip_prefix('=')
        .map_or((false, rest), |rest| (true, rest));
    let matches = |there: &String| {
        rest.split(',').any(|name| {
            if exact {
                there == name
            } else {
                there.starts_with(name)
            }
        })
    };
    present.iter().any(|there| matches(there) != exclude)
}

/// The flags that every rank must have been given alike.
pub(super) fn flags_to_compare(arguments: &Arguments) -> Flags {
    const OWN: [&str; 6] = [
        "node_rank",
        "headless",
        "host",
        "port",
        "api_key",
        "served_model_name",
    ];
    let given = arguments.given().filter(|(dest, _)| !OWN.contains(dest));
    let mut flags: Flags = given
        .map(|(dest, values)| (dest.to_owned(), values.to_vec()))
        .collect();
    if let Some(model) = arguments.model_tag() {
        flags.insert("model".to_owned(), vec![model.to_owned()]);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::nccl_finds;

    #[test]
    fn interfaces_are_found_by_the_rules_of_nccl() {
        let present = ["lo".to_owned(), "enp1s0f1np1".to_owned()];
        for (wanted, expected) in [
            ("enp1s0f1np1", true),
            ("enp1", true),
            ("=enp1", false),
            ("=enp1s0f1np1", true),
            ("eth0,enp1", true),
            ("eth0", false),
            ("^lo", true),
            ("^lo,enp", false),
        ] {
            assert_eq!(nccl_finds(wanted, &present), expected, "{wanted}");
        }
    }
}
