//! Text that came from elsewhere, made safe to show.
//!
//! Anything a node, a container or a client says may carry terminal escapes, control characters or
//! bidirectional overrides. It is cleaned once, where it enters the daemon; every screen, page and log
//! can then show it as it is.

/// `raw` without control characters, terminal escapes and bidi marks, on one line, at most `max` chars.
///
/// Escape sequences are dropped whole (CSI, OSC, DCS and two-byte escapes); tabs and line ends become one
/// space; every other control or format character that can reorder or hide text is dropped. A text that
/// was cut ends in `…`.
pub fn clean_line(raw: &str, max: usize) -> String {
    let mut out = String::with_capacity(raw.len().min(max * 4));
    for (kept, c) in visible(raw).enumerate() {
        if kept == max {
            out.pop();
            out.push('…');
            break;
        }
        out.push(if matches!(c, '\n' | '\t') { ' ' } else { c });
    }
    out
}

/// `raw` cleaned as [`clean_line`] does it, but with its lines kept (`\n`) and without a limit.
pub fn clean_text(raw: &str) -> String {
    visible(raw)
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect()
}

fn visible(raw: &str) -> impl Iterator<Item = char> + '_ {
    let mut chars = raw.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let c = chars.next()?;
            match c {
                '\u{1b}' => skip_escape(&mut chars),
                '\u{9b}' => skip_csi(&mut chars),
                '\r' if chars.peek() == Some(&'\n') => {}
                '\r' => return Some('\n'),
                '\n' | '\t' => return Some(c),
                c if c.is_control() || reorders_or_hides(c) => {}
                c => return Some(c),
            }
        }
    })
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        // OSC, DCS, SOS, PM, APC: up to BEL or ST, and never past the line.
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(c) if !c.is_control() => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while let Some(&c) = chars.peek() {
        if !(' '..='~').contains(&c) {
            return;
        }
        chars.next();
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

fn skip_string(chars: &mut Chars<'_>) {
    while let Some(&c) = chars.peek() {
        if c == '\n' {
            return;
        }
        chars.next();
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                if chars.peek() == Some(&'\\') {
                    chars.next();
                }
                return;
            }
            _ => {}
        }
    }
}

/// Bidi controls and isolates, zero-width and other invisible format characters, tags, the BOM.
fn reorders_or_hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_controls_and_bidi_marks_are_dropped() {
        let hostile =
            "a\u{1b}[31mred\u{1b}[0m \u{1b}]52;c;aGk=\u{7}b\u{202e}c\u{0}d\u{9b}2Je\tf\r\ng";
        assert_eq!(clean_line(hostile, 80), "ared bcde f g");
        assert_eq!(clean_text(hostile), "ared bcde f\ng");
    }

    #[test]
    fn an_unfinished_escape_does_not_eat_the_next_line() {
        assert_eq!(clean_text("x\u{1b}]0;title\nnext"), "x\nnext");
        assert_eq!(clean_text("x\u{1b}[31\nnext"), "x\nnext");
        assert_eq!(clean_text("end\u{1b}"), "end");
    }

    #[test]
    fn a_long_line_is_cut_with_an_ellipsis() {
        assert_eq!(clean_line("abcdef", 4), "abc…");
        assert_eq!(clean_line("abcd", 4), "abcd");
    }

    #[test]
    fn ordinary_text_in_any_script_is_kept() {
        let text = "größe 模型 ✓ — ok";
        assert_eq!(clean_line(text, 80), text);
    }
}
