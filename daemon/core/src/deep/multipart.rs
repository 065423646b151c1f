//! A form with a file, as `multipart/form-data` (RFC 7578).

/// Part delimiter. It is in none of our fields, which are constants and checked names.
const BOUNDARY: &str = "spark-control-5b1f0c7e";

/// A recording for a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recording {
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
}

/// The content type and the body. Fields precede the file, since some servers route by them while they read.
pub(super) fn form(fields: &[(&str, &str)], file: Option<Recording>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend(value.bytes().filter(|b| !matches!(b, b'\r' | b'\n')));
        body.extend_from_slice(b"\r\n");
    }
    if let Some(file) = file {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: audio/wav\r\n\r\n",
            file.name
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_before_the_file_and_cannot_break_the_form() {
        let file = Recording {
            name: "a.wav",
            bytes: b"RIFF",
        };
        let (kind, body) = form(&[("model", "a\r\n--x"), ("language", "en")], Some(file));
        assert_eq!(kind, "multipart/form-data; boundary=spark-control-5b1f0c7e");
        let expected = "--spark-control-5b1f0c7e\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na--x\r\n\
                        --spark-control-5b1f0c7e\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nen\r\n\
                        --spark-control-5b1f0c7e\r\nContent-Disposition: form-data; name=\"file\"; \
                        filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--spark-control-5b1f0c7e--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
