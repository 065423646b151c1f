//! The only reader of the process's environment and of what its standard streams are.

use std::io::IsTerminal;

/// What the process was started with, besides its arguments.
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: Vec<(String, String)>,
    pub stdin_is_tty: bool,
    pub stdout_is_tty: bool,
    /// Columns of the terminal on standard output.
    pub columns: Option<u16>,
}

impl Env {
    /// That of this process.
    pub fn of_process() -> Self {
        let stdout = std::io::stdout();
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        Self {
            vars: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            stdin_is_tty: std::io::stdin().is_terminal(),
            stdout_is_tty: stdout.is_terminal(),
            columns: size.map(|s| s.ws_col).filter(|c| *c > 0),
        }
    }

    /// One made up of `vars`, without a terminal.
    pub fn made_of(vars: &[(&str, &str)]) -> Self {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Self {
            vars: vars.iter().map(owned).collect(),
            ..Self::default()
        }
    }

    /// The variable `name`, when it is set and not empty.
    pub fn var(&self, name: &str) -> Option<String> {
        let found = self.vars.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.clone()).filter(|v| !v.is_empty())
    }

    /// Whether the locale can show more than ASCII: the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub fn is_utf8(&self) -> bool {
        let set = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| self.var(name));
        let locale = set.unwrap_or_default().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }

    /// Whether the terminal wants no colour: `NO_COLOR` (no-color.org) or `TERM=dumb`.
    pub fn refuses_color(&self) -> bool {
        self.var("NO_COLOR").is_some() || self.var("TERM").as_deref() == Some("dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_about_glyphs() {
        assert!(Env::made_of(&[("LANG", "en_US.UTF-8")]).is_utf8());
        assert!(Env::made_of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]).is_utf8());
        assert!(!Env::made_of(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]).is_utf8());
        assert!(!Env::made_of(&[]).is_utf8());
    }

    #[test]
    fn colour_is_refused_by_a_set_variable_only() {
        assert!(Env::made_of(&[("NO_COLOR", "1")]).refuses_color());
        assert!(Env::made_of(&[("TERM", "dumb")]).refuses_color());
        assert!(!Env::made_of(&[("NO_COLOR", "")]).refuses_color());
    }
}
