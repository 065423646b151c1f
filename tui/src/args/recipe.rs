//! The grammar of `recipe` and `endpoint`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub struct Recipe {
    /// Repository, or a part of its name that only it has
    pub model: String,
    /// Longest request, in tokens: 32768 or 32k
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<String>,
    /// Share of the memory that the engine takes: 0.05 to 0.95
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub share: Option<f64>,
    /// Requests that are answered at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seqs: Option<u32>,
    /// Any other flag of the engine, as --NAME or --NAME=VALUE (repeat for more)
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub flag: Vec<String>,
    /// Leave out a flag, by name (repeat for more)
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub unset: Vec<String>,
    /// Say yes to a dangerous flag, by name (repeat for more)
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub allow: Vec<String>,
    /// Keep it: the next launch uses it
    #[arg(long)]
    pub save: bool,
    /// Take back your own recipe, so that the bundled one holds again
    #[arg(long, conflicts_with_all = ["context", "share", "seqs", "flag", "unset", "allow", "save"])]
    pub reset: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Card {
    /// The name or address under which applications reach this machine
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text
        .parse()
        .map_err(|e| format!("it is not a number: {e}"))?;
    if (0.05..=0.95).contains(&share) {
        Ok(share)
    } else {
        Err("it is from 0.05 to 0.95".to_owned())
    }
}
