//! Go templates, as far as people use them with `docker … --format`.
//!
//! Fields, `json`, `index`, `len`, `join`, `println`, `upper`, `lower`, `range`, `if`/`else`, pipes and
//! `.Label "x"`. A field that does not exist is an error, as it is in Docker, and not an empty text.

use serde_json::Value;

mod eval;
mod parse;

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Print(Pipe),
    Range(Pipe, Vec<Self>),
    If(Pipe, Vec<Self>, Vec<Self>),
}

/// Commands joined by `|`; the result of one is the last argument of the next.
type Pipe = Vec<Vec<Word>>;

#[derive(Debug, Clone, PartialEq)]
enum Word {
    /// `.A.B`; `.` alone is empty.
    Field(Vec<String>),
    /// A quoted text or a number.
    Literal(Value),
    /// A function.
    Name(String),
}

impl Template {
    /// Reads a template; the error is the sentence that Go gives.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        parse::nodes(text).map(Self)
    }

    /// The text for `data`.
    pub(super) fn render(&self, data: &Value) -> Result<String, String> {
        let mut out = String::new();
        eval::nodes(&self.0, data, &mut out)?;
        Ok(out)
    }

    /// The fields that it prints, in order: the columns of a `table …` format.
    pub(super) fn fields(&self) -> Vec<String> {
        let mut names = Vec::new();
        for node in &self.0 {
            if let Node::Print(pipe) = node {
                names.extend(pipe.iter().flatten().filter_map(|word| match word {
                    Word::Field(path) => path.first().cloned(),
                    _ => None,
                }));
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(template: &str, want: &str) {
        let data = json!({
            "Id": "abc", "Name": "/box",
            "State": {"Status": "running", "ExitCode": 0, "Error": ""},
            "Config": {"Labels": {"a.b": "c"}, "Cmd": ["x", "y"], "Entrypoint": null},
            "Mounts": [{"Source": "/a", "Destination": "/b"}, {"Source": "/c", "Destination": "/d"}],
        });
        let rendered = Template::parse(template).and_then(|t| t.render(&data));
        assert_eq!(rendered.unwrap_or_else(|e| e), want, "{template}");
    }

    #[test]
    fn the_forms_people_use() {
        check(
            "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}",
            "running 0 ",
        );
        check("{{json .Config.Entrypoint}} {{.Id}}", "null abc");
        check(
            "{{ json .State }}",
            r#"{"Error":"","ExitCode":0,"Status":"running"}"#,
        );
        check("{{index .Config.Labels \"a.b\"}}", "c");
        check("{{index .Config.Labels \"none\"}}", "");
        check(
            "{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}",
            "/a:/b /c:/d ",
        );
        check("{{if .State.Error}}bad{{else}}good{{end}}", "good");
        check("{{join .Config.Cmd \" \"}}|{{.Config.Cmd}}", "x y|[x y]");
        check("{{.Config.Cmd | len}}", "2");
        check("{{(index .Mounts 1).Source}}", "/c");
    }

    #[test]
    fn mistakes_are_errors() {
        check(
            "{{.Foo",
            "template parsing error: template: :1: unclosed action",
        );
        check(
            "{{.Foo}}",
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"",
        );
        check(
            "{{nope .Id}}",
            "template parsing error: template: :1: function \"nope\" not defined",
        );
        check(
            "{{range .Mounts}}",
            "template parsing error: template: :1: unexpected EOF",
        );
    }
}
