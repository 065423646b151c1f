//! Flags that cannot stand together, or alone.

use spark_ipc::model::recipe::RecipeFault;

use super::{Trouble, name_of, value_of};

/// The flags that say over how many GPUs a model is spread; a Spark has one.
const PARALLEL: [&str; 3] = [
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--data-parallel-size",
];

/// What is wrong between the flags of one launch over `nodes` nodes.
pub(super) fn check(nodes: u32, flags: &[String]) -> Vec<RecipeFault> {
    let rules = [parallel(nodes, flags), tools(flags), cache(flags)];
    let found = rules.into_iter().flatten();
    found
        .map(|(name, trouble)| {
            let at = flags.iter().rposition(|f| name_of(f) == name);
            let flag = at.and_then(|i| flags.get(i)).map_or(name, String::as_str);
            trouble.at(format!("/flags/{}", at.unwrap_or(0)), flag)
        })
        .collect()
}

type Rule = Option<(&'static str, Trouble)>;

fn parallel(nodes: u32, flags: &[String]) -> Rule {
    let first = PARALLEL
        .into_iter()
        .find(|name| value_of(flags, name).is_some())?;
    let size = |name| value_of(flags, name).map_or(Some(1), |v| v.parse::<u32>().ok());
    // A value that is no number has been told already.
    let sizes = PARALLEL
        .map(size)
        .into_iter()
        .collect::<Option<Vec<u32>>>()?;
    let ranks = sizes.into_iter().try_fold(1u32, u32::checked_mul)?;
    (ranks != nodes.max(1)).then(|| {
        let message =
            format!("The parallel sizes need {ranks} GPUs, and {nodes} nodes have {nodes}");
        let fix = format!("Set nodes to {ranks}, or leave the sizes out");
        (first, Trouble::new("flag_combination", message, fix))
    })
}

fn tools(flags: &[String]) -> Rule {
    value_of(flags, "--enable-auto-tool-choice")?;
    let has_parser = value_of(flags, "--tool-call-parser").is_some_and(|v| !v.is_empty());
    (!has_parser).then(|| {
        let message = "--enable-auto-tool-choice needs --tool-call-parser".to_owned();
        let fix = "Add --tool-call-parser=…, or leave this out".to_owned();
        (
            "--enable-auto-tool-choice",
            Trouble::new("flag_combination", message, fix),
        )
    })
}

fn cache(flags: &[String]) -> Rule {
    let fp8 = value_of(flags, "--kv-cache-dtype")?.starts_with("fp8");
    let backend = value_of(flags, "--attention-backend")?;
    (fp8 && backend.eq_ignore_ascii_case("FLASH_ATTN")).then(|| {
        let message = "FLASH_ATTN cannot do an fp8 KV cache".to_owned();
        let fix = "Use --attention-backend=FLASHINFER, or leave --kv-cache-dtype out".to_owned();
        (
            "--attention-backend",
            Trouble::new("flag_combination", message, fix),
        )
    })
}
