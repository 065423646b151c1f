//! The values that Docker's options take, checked and read as Docker does.

use super::flags::Kind;

/// Why a value is refused, in pflag's words.
pub(super) type Why = String;

/// Checks a value by the kind of its option.
pub(super) fn check(kind: Kind, value: &str) -> Result<(), Why> {
    match kind {
        Kind::Text => Ok(()),
        Kind::Bool => boolean(value).map(drop),
        Kind::Int => integer(value).map(drop),
        Kind::Bytes => bytes(value).map(drop),
        Kind::Decimal => decimal(value),
        Kind::Duration => duration(value),
        Kind::Filter => filter(value),
        Kind::Mount => mount(value).map(drop),
        Kind::Ulimit => ulimit(value).map(drop),
        Kind::Gpus => gpus(value),
    }
}

/// The type that the help shows after an option.
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "",
        Kind::Text => "string",
        Kind::Int => "int",
        Kind::Bytes => "bytes",
        Kind::Decimal => "decimal",
        Kind::Duration => "duration",
        Kind::Filter => "filter",
        Kind::Mount => "mount",
        Kind::Ulimit => "ulimit",
        Kind::Gpus => "gpu-request",
    }
}

/// Go's `strconv.ParseBool`.
pub(super) fn boolean(value: &str) -> Result<bool, Why> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing \"{value}\": invalid syntax"
        )),
    }
}

/// Go's `strconv.ParseInt`.
pub(super) fn integer(value: &str) -> Result<i64, Why> {
    value
        .parse()
        .map_err(|_e| format!("strconv.ParseInt: parsing \"{value}\": invalid syntax"))
}

/// A size such as `64g`, `10gb`, `512MiB` or `-1`, in bytes; units are binary.
pub(super) fn bytes(value: &str) -> Result<i64, Why> {
    let why = || format!("invalid size: '{value}'");
    if value == "-1" {
        return Ok(-1);
    }
    let split = value
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(split).ok_or_else(why)?;
    let number: f64 = number.parse().map_err(|_e| why())?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let exponent = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(why()),
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "docker truncates sizes to whole bytes too"
    )]
    Ok((number * 1024_f64.powi(exponent)) as i64)
}

/// One `--mount`: what is mounted where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountSpec {
    pub(super) kind: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) read_only: bool,
}

/// Reads `type=bind,src=…,dst=…[,readonly]`.
pub(super) fn mount(value: &str) -> Result<MountSpec, Why> {
    let mut spec = MountSpec {
        kind: "volume".to_owned(),
        source: String::new(),
        target: String::new(),
        read_only: false,
    };
    for field in value.split(',') {
        if let "readonly" | "ro" = field {
            spec.read_only = true;
            continue;
        }
        let Some((key, text)) = field.split_once('=') else {
            return Err(format!("invalid field '{field}' must be a key=value pair"));
        };
        match key {
            "type" => spec.kind = text.to_ascii_lowercase(),
            "source" | "src" => text.clone_into(&mut spec.source),
            "target" | "dst" | "destination" => text.clone_into(&mut spec.target),
            "readonly" | "ro" => spec.read_only = boolean(text).map_err(|_e| {
                format!(
                    "invalid value for {key}: {text} (must be \"true\", \"1\", \"false\", or \"0\")"
                )
            })?,
            "bind-propagation" | "consistency" | "tmpfs-size" | "tmpfs-mode" | "volume-opt" => {}
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    if spec.target.is_empty() {
        return Err("target is required".to_owned());
    }
    Ok(spec)
}

/// Reads `nofile=1048576:1048576` as (name, soft, hard).
pub(super) fn ulimit(value: &str) -> Result<(String, i64, i64), Why> {
    const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    let Some((name, limits)) = value.split_once('=') else {
        return Err(format!("invalid ulimit argument: {value}"));
    };
    if !NAMES.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (hard, soft) = (integer(hard)?, integer(soft)?);
    if hard >= 0 && (soft > hard || soft < 0) {
        return Err(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        ));
    }
    Ok((name.to_owned(), soft, hard))
}

/// Checks `all`, a count, `device=…`, `"device=0,1"`, `capabilities=…`.
fn gpus(value: &str) -> Result<(), Why> {
    let value = value.trim_matches('"');
    for field in value.split(',') {
        let Some((key, text)) = field.split_once('=') else {
            if field == "all" || field.parse::<i64>().is_ok() || value.contains('=') {
                continue;
            }
            return Err(format!(
                "invalid count ({field}): value must be either \"all\" or an integer"
            ));
        };
        match key {
            "driver" | "device" | "count" | "capabilities" | "options" => {}
            _ => return Err(format!("unexpected key '{key}' in '{key}={text}'")),
        }
    }
    Ok(())
}

fn decimal(value: &str) -> Result<(), Why> {
    match value.parse::<f64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("failed to parse {value} as a rational number")),
    }
}

fn duration(value: &str) -> Result<(), Why> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
    let unit = value.strip_prefix(digits).unwrap_or_default();
    if value == "0" || (digits.parse::<f64>().is_ok() && !unit.is_empty()) {
        return Ok(());
    }
    Err(format!("time: invalid duration \"{value}\""))
}

fn filter(value: &str) -> Result<(), Why> {
    match value.split_once('=') {
        Some(_) => Ok(()),
        None => Err("bad format of filter (expected name=value)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_and_take_every_spelling() {
        for (text, want) in [
            ("64g", 64 << 30),
            ("10gb", 10 << 30),
            ("512MiB", 512 << 20),
            ("1.5k", 1536),
            ("100", 100),
            ("-1", -1),
        ] {
            assert_eq!(bytes(text), Ok(want), "{text}");
        }
        assert_eq!(bytes("zz"), Err("invalid size: 'zz'".to_owned()));
    }

    #[test]
    fn a_mount_names_its_target() {
        let spec = mount("type=bind,src=/a,dst=/b,readonly").unwrap();
        assert_eq!(
            (spec.source.as_str(), spec.target.as_str(), spec.read_only),
            ("/a", "/b", true)
        );
        assert_eq!(mount("type=bind"), Err("target is required".to_owned()));
        assert_eq!(
            mount("foo"),
            Err("invalid field 'foo' must be a key=value pair".to_owned())
        );
    }

    #[test]
    fn ulimits_have_a_name_and_numbers() {
        assert_eq!(ulimit("memlock=-1"), Ok(("memlock".to_owned(), -1, -1)));
        assert_eq!(ulimit("zz"), Err("invalid ulimit argument: zz".to_owned()));
        assert!(ulimit("nofile=a:b").unwrap_err().contains("parsing \"b\""));
    }

    #[test]
    fn gpu_requests_take_all_or_devices() {
        assert_eq!(gpus("all"), Ok(()));
        assert_eq!(gpus("\"device=0\""), Ok(()));
        assert_eq!(
            gpus("foo=bar"),
            Err("unexpected key 'foo' in 'foo=bar'".to_owned())
        );
    }
}
