//! `nvidia-smi` of a GB10.
//!
//! Its peculiarity is what is missing: a GB10 shares its memory with the processor, so every memory figure
//! of the GPU reads `[N/A]`, and only the list of processes tells who holds how much.

use crate::docker;
use crate::facts::{Gpu, MAX_SM_CLOCK_MHZ};
use crate::node::{Claim, Node};
use crate::tools::{Env, Outcome, Refusal, console};

mod fields;
mod report;

/// What a GB10 does not have.
const MISSING: &str = "[N/A]";

/// Everything that one call shows.
#[derive(Debug)]
struct Reading {
    gpu: Gpu,
    claims: Vec<Claim>,
    driver: String,
    uuid: String,
    timestamp: String,
}

/// What is asked for.
#[derive(Debug, Default)]
struct Request {
    gpu_fields: Option<String>,
    app_fields: Option<String>,
    format: Option<String>,
    query: bool,
    display: Option<String>,
    list: bool,
    change: bool,
}

/// Runs `nvidia-smi`.
pub(super) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    let request = request(args)?;
    if request.change {
        return Err(Refusal::on_stdout(
            4,
            "The current user does not have permission to change clocks for GPU 0000000F:01:00.0.\n\
             Terminating early due to previous errors.",
        ));
    }
    let reading = reading(node, env)?;
    let Some(format) = &request.format else {
        return plain(&request, &reading);
    };
    let style = fields::Style::parse(format).map_err(|text| Refusal::on_stdout(2, text))?;
    let lines = match (&request.gpu_fields, &request.app_fields) {
        (Some(names), _) => fields::gpu(&reading, names, style),
        (None, Some(names)) => fields::apps(&reading, names, style),
        (None, None) => return Err(invalid()),
    };
    let lines = lines.map_err(|text| Refusal::on_stdout(2, text))?;
    for line in &lines {
        console::out(line);
    }
    Ok(0)
}

fn plain(request: &Request, reading: &Reading) -> Outcome {
    if request.gpu_fields.is_some() || request.app_fields.is_some() {
        return Err(Refusal::on_stdout(
            2,
            "\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.",
        ));
    }
    let text = match (request.list, request.query) {
        (true, _) => format!("GPU 0: NVIDIA GB10 (UUID: {})", reading.uuid),
        (_, true) => report::query(reading, request.display.as_deref()),
        _ => report::table(reading),
    };
    console::out(&text);
    Ok(0)
}

fn reading(node: &Node, env: &Env) -> Result<Reading, Refusal> {
    // The driver shows no processes to somebody in another PID namespace.
    let contained = docker::vllm::container_name(node, env).is_some();
    let claims = if contained {
        Vec::new()
    } else {
        node.claims()?
    };
    let seed = node.config().seed;
    Ok(Reading {
        gpu: node.gpu()?,
        claims,
        driver: node.config().driver.clone(),
        uuid: format!(
            "GPU-{:08x}-5e1d-b2a7-9c40-{:012x}",
            seed.wrapping_mul(2_654_435_761) & 0xffff_ffff,
            seed
        ),
        timestamp: node.now().strftime("%Y/%m/%d %H:%M:%S.%3f").to_string(),
    })
}

fn request(args: &[String]) -> Result<Request, Refusal> {
    let mut request = Request::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let mut value = || {
            inline
                .clone()
                .or_else(|| words.next().cloned())
                .ok_or_else(invalid)
        };
        match name {
            "--query-gpu" => request.gpu_fields = Some(inline.ok_or_else(invalid)?),
            "--query-compute-apps" => request.app_fields = Some(inline.ok_or_else(invalid)?),
            "--format" => request.format = Some(inline.ok_or_else(invalid)?),
            "-q" | "--query" => request.query = true,
            "-d" | "--display" => request.display = Some(value()?),
            "-L" | "--list-gpus" => request.list = true,
            "-i" | "--id" => match value()?.as_str() {
                "0" | "0000000F:01:00.0" => {}
                other => {
                    let text =
                        format!("Unable to determine the device handle for GPU {other}: Not Found");
                    return Err(Refusal::on_stdout(6, text));
                }
            },
            "-h" | "--help" => {
                return Err(Refusal::help(
                    "NVIDIA System Management Interface\n\nnvidia-smi [OPTION1 [ARG1]]",
                ));
            }
            "-lgc" | "--lock-gpu-clocks" | "-rgc" | "--reset-gpu-clocks" | "-pm" | "-pl" | "-r" => {
                request.change = true;
                break;
            }
            _ => return Err(invalid()),
        }
    }
    Ok(request)
}

fn invalid() -> Refusal {
    Refusal::on_stdout(
        1,
        "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n",
    )
}
