//! The environment of a recipe's container.

use std::collections::BTreeMap;

use spark_ipc::model::recipe::RecipeFault;

use crate::shell::{EnvName, EnvValue};

/// Parts of a name that tell a secret. A recipe's environment is in argument vectors and in a readable file.
const SECRET_PARTS: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY"];

/// Everything that is wrong with an environment. Paths are `/env/NAME`.
pub(super) fn check(env: &BTreeMap<String, String>) -> Vec<RecipeFault> {
    env.iter()
        .filter_map(|(name, value)| one(name, value))
        .collect()
}

fn one(name: &str, value: &str) -> Option<RecipeFault> {
    let wrong = EnvName::checked(name)
        .err()
        .or_else(|| EnvValue::checked(value).err());
    if let Some(wrong) = wrong {
        let shown = Some(spark_ipc::text::clean_line(value, 200));
        return Some(fault("env_malformed", name, shown, wrong.to_string(), None));
    }
    let is_secret = name.split('_').any(|part| SECRET_PARTS.contains(&part));
    is_secret.then(|| {
        let message = format!("{name} is a secret, and a recipe is no place for one");
        let fix = "Set it in the settings; it reaches the container without being shown";
        fault("env_secret", name, None, message, Some(fix.to_owned()))
    })
}

fn fault(
    code: &str,
    name: &str,
    value: Option<String>,
    message: String,
    fix: Option<String>,
) -> RecipeFault {
    let name = spark_ipc::text::clean_line(name, 128);
    RecipeFault {
        path: format!("/env/{}", name.replace('~', "~0").replace('/', "~1")),
        code: code.to_owned(),
        value,
        message,
        fix,
    }
}
