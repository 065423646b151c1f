//! `multipart/form-data`, as speech services take it.

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    file: bool,
    data: Vec<u8>,
}

/// A form that was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<Part>);

impl Form {
    /// Reads `body`, which `content_type` describes; `None` when it is no form.
    pub(crate) fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let boundary = boundary(content_type)?;
        let delimiter = format!("--{boundary}");
        let mut parts = Vec::new();
        let mut rest = body;
        let at = find(rest, delimiter.as_bytes())?;
        rest = rest.get(at + delimiter.len()..)?;
        while let Some(inner) = rest.strip_prefix(b"\r\n") {
            let next = format!("\r\n{delimiter}");
            let end = find(inner, next.as_bytes())?;
            parts.extend(part(inner.get(..end)?));
            rest = inner.get(end + next.len()..)?;
        }
        rest.starts_with(b"--").then_some(Self(parts))
    }

    /// The first value of a text field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// Every value of a text field, also under the name that clients give to lists.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let fields = self.0.iter().filter(move |part| {
            !part.file && part.name.strip_suffix("[]").unwrap_or(&part.name) == name
        });
        fields.filter_map(|part| std::str::from_utf8(&part.data).ok())
    }

    /// The bytes of a file.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        let part = self.0.iter().find(|part| part.file && part.name == name)?;
        Some(&part.data)
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters
        .split(';')
        .find_map(|p| p.trim().strip_prefix("boundary="))?;
    Some(value.trim_matches('"'))
}

fn part(bytes: &[u8]) -> Option<Part> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let line = head.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    })?;
    let parameter = |wanted: &str| {
        let mut pairs = line
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.trim_matches('"').to_owned())
    };
    Some(Part {
        name: parameter("name")?,
        file: parameter("filename").is_some(),
        data: bytes.get(end + 4..)?.to_vec(),
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::Form;

    const TYPE: &str = "multipart/form-data; boundary=\"x-Y\"";

    #[test]
    fn fields_and_files_are_told_apart_in_any_order() {
        let body = b"--x-Y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.wav\"\r\n\
            Content-Type: audio/wav\r\n\r\n\x00\r\n\xff--\r\n--x-Y\r\ncontent-disposition: form-data; \
            name=\"model\"\r\n\r\nm\r\n--x-Y\r\nContent-Disposition: form-data; name=\"g[]\"\r\n\r\nword\r\n\
            --x-Y--\r\n";
        let form = Form::read(TYPE, body).unwrap();
        assert_eq!(form.file("file"), Some(&b"\x00\r\n\xff--"[..]));
        assert_eq!((form.text("model"), form.text("file")), (Some("m"), None));
        assert_eq!(form.texts("g").collect::<Vec<_>>(), ["word"]);
    }

    #[test]
    fn a_cut_form_and_other_bodies_are_none() {
        let cut = b"--x-Y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n";
        assert_eq!(Form::read(TYPE, cut), None);
        assert_eq!(Form::read("application/json", b"{}"), None);
    }
}
