//! Does a diarizer hear that somebody speaks?

use serde_json::Value;

use super::{Reply, Verdict, shown};

/// Judges the segments of [`super::VOICES_WAV`]. There is no standard shape: `segments` is the usual one, RTTM and
/// lines of `start end speaker` are also met.
pub(super) fn judge(reply: &Reply<'_>) -> Verdict {
    let segments = match serde_json::from_slice::<Value>(reply.body) {
        Ok(value) => from_json(&value),
        Err(_not_json) => from_lines(&String::from_utf8_lossy(reply.body)),
    };
    let Some(segments) = segments else {
        return Verdict::wrong(format!("no segments in its answer: {}", shown(reply.body)));
    };
    let mut speakers: Vec<&str> = segments.iter().map(String::as_str).collect();
    speakers.sort_unstable();
    speakers.dedup();
    match segments.len() {
        0 => Verdict::wrong("it heard nobody in a recording of two speakers"),
        n => Verdict::Right(format!("{n} segments of {} speakers", speakers.len())),
    }
}

/// The speaker of each segment that has a length.
fn from_json(value: &Value) -> Option<Vec<String>> {
    let list = [&value["segments"], &value["speaker_segments"], value];
    let rows = list.iter().find_map(|v| v.as_array())?;
    let segment = |row: &Value| {
        if let Some(line) = row.as_str() {
            return from_line(line);
        }
        let (start, end) = (row["start"].as_f64()?, row["end"].as_f64()?);
        let speaker = ["speaker", "speaker_id", "label"];
        let speaker = speaker.iter().find_map(|f| match &row[*f] {
            Value::String(name) => Some(name.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        });
        (end > start).then_some(speaker).flatten()
    };
    Some(rows.iter().filter_map(segment).collect())
}

fn from_lines(text: &str) -> Option<Vec<String>> {
    let found: Vec<String> = text.lines().filter_map(from_line).collect();
    (!found.is_empty()).then_some(found)
}

/// `SPEAKER file 1 START LENGTH <NA> <NA> NAME …`, or `START END NAME`.
fn from_line(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
    match fields.as_slice() {
        ["SPEAKER", _, _, start, length, _, _, name, ..] => {
            number(start)?;
            (number(length)? > 0.0).then(|| (*name).to_owned())
        }
        [start, end, name] => (number(end)? > number(start)?).then(|| (*name).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &str) -> Verdict {
        judge(&Reply::ok(body.as_bytes()))
    }

    #[test]
    fn segments_are_read_in_the_shapes_that_are_met() {
        let two = Verdict::Right("2 segments of 2 speakers".to_owned());
        for body in [
            r#"{"segments": [{"start": 0.1, "end": 2.0, "speaker": "SPEAKER_00"}, {"start": 2.2, "end": 4.0, "speaker": "SPEAKER_01"}]}"#,
            r#"{"speaker_segments": [{"start": 0, "end": 2, "speaker_id": 0}, {"start": 2, "end": 4, "speaker_id": 1}]}"#,
            r#"{"segments": ["0.0 2.1 speaker_0", "2.4 4.3 speaker_1"]}"#,
            "SPEAKER a 1 0.000 2.340 <NA> <NA> S0 <NA> <NA>\nSPEAKER a 1 2.500 1.9 <NA> <NA> S1 <NA> <NA>\n",
        ] {
            assert_eq!(verdict(body), two, "{body}");
        }
    }

    #[test]
    fn nobody_heard_is_wrong() {
        for body in [
            r#"{"segments": []}"#,
            r#"{"segments": [{"start": 1.0, "end": 1.0, "speaker": "a"}]}"#,
            r#"{"error": "no"}"#,
            "",
            "nothing here to see",
        ] {
            assert!(matches!(verdict(body), Verdict::Wrong { .. }), "{body}");
        }
    }
}
